package link

import (
	"fmt"
)

// ending says why a stream ended.
type ending struct {
	reason  string
	message string
	// goodbye tells the peer; without it the stream just ends.
	goodbye bool
}

func (e ending) Error() string {
	if e.message == "" {
		return e.reason
	}
	return e.reason + ": " + e.message
}

func endingf(reason, format string, args ...any) ending {
	return ending{reason: reason, message: fmt.Sprintf(format, args...)}
}

// told is the same ending, told to the peer.
func (e ending) told() ending {
	e.goodbye = true
	return e
}

// endingState is how a link without a stream stands after one that ended so.
func endingState(reason string) string {
	switch reason {
	case ReasonReplaced:
		return StateConnecting
	case ReasonBehind:
		return StateBehind
	case ReasonPeerRestored, ReasonSelfRestored, ReasonWrongCluster, ReasonVersion, ReasonProtocol, ReasonTooLarge, ReasonTooManyStopped:
		return StateStopped
	}
	return StateDown
}

// patient tells whether to try again slowly after such an ending, however well the stream began: the next one would
// most likely end the same way.
func patient(reason string) bool {
	switch endingState(reason) {
	case StateStopped, StateBehind:
		return true
	}
	return reason == ReasonStore
}

// peersEnding translates a peer's goodbye: what it says of itself and of us changes sides.
func peersEnding(reason, message string) ending {
	reason = among(goodbyeReasons, reason)
	switch reason {
	case ReasonPeerRestored:
		return endingf(ReasonSelfRestored, "the peer finds that this side was restored from an old copy: %s", clip(message))
	case ReasonSelfRestored:
		return endingf(ReasonPeerRestored, "the peer finds that it was itself restored from an old copy: %s", clip(message))
	case "OTHER", "SUPERSEDED":
		return endingf(ReasonBroken, "the peer ended the stream: %s", clip(message))
	}
	return endingf(reason, "the peer ended the stream: %s", clip(message))
}
