package federation

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestGreeting(t *testing.T) {
	ours, theirs := uuid.New(), uuid.New()
	for _, test := range []struct {
		name     string
		dialler  uuid.UUID
		acceptor uuid.UUID
		want     error
	}{
		{"same federation", ours, ours, nil},
		{"another federation", theirs, ours, ErrOtherCluster},
		{"a node that is in none", ours, uuid.Nil, ErrNoRegistry},
	} {
		t.Run(test.name, func(t *testing.T) {
			left, right := net.Pipe()
			defer left.Close()
			defer right.Close()
			deadline := time.Now().Add(patience)
			answered := make(chan error, 1)
			go func() { answered <- welcome(right, test.acceptor, deadline) }()
			if err := greet(left, test.dialler, deadline); !errors.Is(err, test.want) {
				t.Errorf("dialler: %v, want %v", err, test.want)
			}
			if err := <-answered; !errors.Is(err, test.want) {
				t.Errorf("acceptor: %v, want %v", err, test.want)
			}
		})
	}
}

func FuzzDecodeGreeting(f *testing.F) {
	f.Add(encodeGreeting(uuid.New()))
	f.Add([]byte("JRFT\x02abcdefghijklmnop"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, greeting []byte) {
		cluster, err := decodeGreeting(greeting)
		if err != nil {
			return
		}
		if again := encodeGreeting(cluster); !bytes.Equal(again, greeting) {
			t.Errorf("%x was read as %s, which is written %x", greeting, cluster, again)
		}
	})
}
