package main

import (
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
