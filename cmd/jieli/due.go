package main

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
	"github.com/jieli-gateway/jieli/regions"
)

// dueText shows when something is due. What ends with a day in China is shown as 24:00 of that day, not as the first
// moment of the next.
func dueText(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	at := t.AsTime()
	if last := regions.LastDay(at); (last + 1).Start().Equal(at) {
		return last.String() + " 24:00"
	}
	return local(at)
}

// nearest is the earliest deadline that runs; nil for none.
func nearest(due *jieliv1.Due) (first *timestamppb.Timestamp) {
	for _, t := range []*timestamppb.Timestamp{due.GetDeliver(), due.GetAccept(), due.GetContact(), due.GetAnswer()} {
		if t != nil && (first == nil || t.AsTime().Before(first.AsTime())) {
			first = t
		}
	}
	return first
}

// moment reads a day, which is its beginning in China, or a time.
func moment(flag, text string) (*timestamppb.Timestamp, error) {
	if day, err := regions.ParseDay(text); err == nil && day != 0 {
		return timestamppb.New(day.Start()), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usage("%s must be a day, as 2026-12-01, or a time, as 2026-12-01T12:00:00+08:00; it is %q", "%s 须为日期（如 2026-12-01）或时间（如 2026-12-01T12:00:00+08:00）；现为 %q", flag, text)
	}
	return timestamppb.New(at), nil
}
