package demo

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestAnOutletNobodyReadsEndsTheDemonstrationInOrder(t *testing.T) {
	defer survivePipes()()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	ctx, gone := context.WithCancelCause(t.Context())
	if _, err := (&outlet{w: w, gone: gone}).Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want a broken pipe", err)
	}
	if !errors.Is(context.Cause(ctx), syscall.EPIPE) {
		t.Errorf("cause %v, want the broken pipe", context.Cause(ctx))
	}
}
