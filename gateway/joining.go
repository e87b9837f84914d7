package gateway

import (
	"log/slog"
	"sync"
	"time"

	"github.com/jieli-gateway/jieli/gateway/api"
)

// joinSayAgain is how long the log says nothing more about tries to join that fail for one cause.
const joinSayAgain = time.Minute

// joining is how a newcomer comes into a federation, for status and log. It is over when the node is
// ready.
type joining struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	state *api.Joining // nil: not joining
	said  map[string]*joinComplaint
}

// joinComplaint is when one cause was last in the log, and how often it came since.
type joinComplaint struct {
	at       time.Time
	repeated int
}

// begin notes through which member the node joins.
func (j *joining) begin(address string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state = &api.Joining{Address: address, Since: j.now()}
	j.said = map[string]*joinComplaint{}
}

// over ends it.
func (j *joining) over() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state = nil
}

// underWay tells whether the node is joining.
func (j *joining) underWay() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state != nil
}

// status is how it stands; nil when the node is not joining.
func (j *joining) status() *api.Joining {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == nil {
		return nil
	}
	state := *j.state
	return &state
}

// failed notes that a try has failed. The log has each cause when it comes, and once a minute while it stays: a
// newcomer may wait for days, and tries every two seconds.
func (j *joining) failed(err error) {
	advice := adviceOn(err)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != nil {
		j.state.Cause, j.state.Error, j.state.Advice, j.state.AdviceZh = advice.cause, err.Error(), advice.english, advice.chinese
	}
	now, last := j.now(), j.said[advice.cause]
	if last != nil && now.Sub(last.at) < joinSayAgain {
		last.repeated++
		return
	}
	repeated := 0
	if last != nil {
		repeated = last.repeated
	}
	j.said[advice.cause] = &joinComplaint{at: now}
	j.log.Warn("joining failed", slog.String("cause", advice.cause), slog.Any("error", err), slog.String("hint", advice.english), slog.Int("repeated", repeated))
}
