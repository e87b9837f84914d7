package federation

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/google/uuid"
)

// A Raft connection begins, after TLS, with a greeting: the dialler sends
//
//	"JRFT" ‖ version (1 byte, 1) ‖ cluster id (16 bytes)
//
// and the other side answers one byte, greetingSame or why not. So nodes of two federations never mix their logs, not
// even when one machine was moved from one to the other with its address and certificate.
const (
	greetingMagic   = "JRFT"
	greetingVersion = 1
	greetingLength  = len(greetingMagic) + 1 + 16

	// greetingTimeout bounds the exchange.
	greetingTimeout = 5 * time.Second
)

// Answers to a greeting. They stand on the wire: never renumber them.
const (
	greetingSame         byte = 1 // the same federation: Raft may begin
	greetingOtherCluster byte = 2 // another federation
	greetingNoRegistry   byte = 3 // this node is in no federation yet
	greetingBadVersion   byte = 4 // another version of this greeting
)

// Errors of a greeting.
var (
	// ErrOtherCluster means that the other side belongs to another federation.
	ErrOtherCluster = errors.New("the other node belongs to another federation")
	// ErrNoRegistry means that a node is in no federation yet.
	ErrNoRegistry   = errors.New("the node is in no federation yet: bootstrap one or join one")
	errBadGreeting  = errors.New("this is no greeting of a Raft connection")
	errOtherVersion = errors.New("the other node speaks another version of the Raft greeting: upgrade the older one")
)

// encodeGreeting gives what a dialler sends.
func encodeGreeting(cluster uuid.UUID) []byte {
	greeting := make([]byte, 0, greetingLength)
	greeting = append(greeting, greetingMagic...)
	greeting = append(greeting, greetingVersion)
	return append(greeting, cluster[:]...)
}

// decodeGreeting reads a greeting.
func decodeGreeting(greeting []byte) (uuid.UUID, error) {
	if len(greeting) != greetingLength || string(greeting[:len(greetingMagic)]) != greetingMagic {
		return uuid.Nil, errBadGreeting
	}
	rest := greeting[len(greetingMagic):]
	if rest[0] != greetingVersion {
		return uuid.Nil, errOtherVersion
	}
	return uuid.UUID(rest[1:]), nil
}

// greet is the dialler's side.
func greet(conn net.Conn, cluster uuid.UUID, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(encodeGreeting(cluster)); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return fmt.Errorf("answer to the greeting: %w", err)
	}
	switch answer[0] {
	case greetingSame:
		return conn.SetDeadline(time.Time{})
	case greetingOtherCluster:
		return ErrOtherCluster
	case greetingNoRegistry:
		return ErrNoRegistry
	case greetingBadVersion:
		return errOtherVersion
	}
	return fmt.Errorf("answer to the greeting: %d is not known", answer[0])
}

// welcome is the acceptor's side. Whatever it refuses it has told the dialler.
func welcome(conn net.Conn, cluster uuid.UUID, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	var greeting [greetingLength]byte
	if _, err := io.ReadFull(conn, greeting[:]); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	answer, refusal := judgeGreeting(greeting[:], cluster)
	if _, err := conn.Write([]byte{answer}); err != nil {
		return errors.Join(refusal, fmt.Errorf("answer to the greeting: %w", err))
	}
	if refusal != nil {
		return refusal
	}
	return conn.SetDeadline(time.Time{})
}

func judgeGreeting(greeting []byte, own uuid.UUID) (answer byte, refusal error) {
	theirs, err := decodeGreeting(greeting)
	switch {
	case err != nil:
		return greetingBadVersion, err
	case own == uuid.Nil:
		return greetingNoRegistry, ErrNoRegistry
	case theirs != own:
		return greetingOtherCluster, fmt.Errorf("%w: %s, ours is %s", ErrOtherCluster, theirs, own)
	}
	return greetingSame, nil
}
