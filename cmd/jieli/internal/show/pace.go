package show

import "time"

// Pace tells how fast long work goes, and how long it will take.
type Pace struct {
	begin time.Time
	now   func() time.Time
}

// NewPace begins now.
func NewPace() *Pace { return &Pace{begin: time.Now(), now: time.Now} }

// Elapsed is the time since the beginning.
func (p *Pace) Elapsed() time.Duration { return p.now().Sub(p.begin) }

// Rate is so many a second until now, rounded; 0 when no time has passed.
func (p *Pace) Rate(done int) int {
	if s := p.Elapsed().Seconds(); s > 0 {
		return int(float64(done)/s + 0.5)
	}
	return 0
}

// Left is the time that the rest takes if it goes on like this, in whole seconds; 0 when that cannot be told.
func (p *Pace) Left(done, total int64) time.Duration {
	if done <= 0 || total <= done {
		return 0
	}
	return time.Duration(float64(p.Elapsed()) * float64(total-done) / float64(done)).Round(time.Second)
}
