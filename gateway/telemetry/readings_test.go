package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A part that cannot be read leaves a gap and is counted; all others are shown.
func TestReadingsThatFail(t *testing.T) {
	registry := prometheus.NewRegistry()
	r, err := NewReadings(registry, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	well, ill := r.newPart("well"), r.newPart("ill")
	shown, hidden := well.gauge("shown", "Shown."), ill.gauge("hidden", "Not shown.")
	if err := well.add(func(_ context.Context, to scrape) error { to.set(shown, 1); return nil }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := ill.add(func(_ context.Context, to scrape) error {
		if broken == nil {
			to.set(hidden, 1)
		}
		return broken
	}); err != nil {
		t.Fatal(err)
	}
	names := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				values[f.GetName()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
		return values
	}
	_ = names()
	got := names() // what is counted in one scrape may be shown in the next only
	if _, is := got["jieli_hidden"]; is || got["jieli_shown"] != 1 || got["jieli_reading_failures_total"] == 0 {
		t.Errorf("with a part that fails, a scrape shows %v", got)
	}
	broken = nil
	if got := names(); got["jieli_hidden"] != 1 {
		t.Errorf("when the part can be read again, a scrape shows %v", got)
	}
}
