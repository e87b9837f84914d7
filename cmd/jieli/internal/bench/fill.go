package bench

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/jieli-gateway/jieli/cmd/jieli/internal/demo"
	"github.com/jieli-gateway/jieli/gateway/store"
	"github.com/jieli-gateway/jieli/gateway/store/sqlite"
	jieliv1 "github.com/jieli-gateway/jieli/proto/jieli/v1"
)

// NodeFigures are those of a node that has many tickets.
type NodeFigures struct {
	Tickets int `json:"tickets"`
	Regions int `json:"regions"`
	// StoreMiB is the size of its store's files.
	StoreMiB float64 `json:"storeMiB"`
	// StartMillis is from the start of its process until it took calls.
	StartMillis float64 `json:"startMillis"`
	// MemoryMiB is its resident memory a few seconds after, and MemoryAfterMiB when the runs were over.
	MemoryMiB      float64 `json:"memoryMiB"`
	MemoryAfterMiB float64 `json:"memoryAfterMiB,omitempty"`
}

// settleTime is how long a node idles before its memory is looked at.
const settleTime = 5 * time.Second

// fill gives the first region of a stand so many closed tickets of its own, and starts it with them.
func fill(ctx context.Context, stand *demo.Stand, o Options) (*NodeFigures, error) {
	figures := &NodeFigures{Tickets: o.Tickets, Regions: o.Regions}
	if err := stand.Stop(0); err != nil {
		return nil, err
	}
	if err := writeTickets(ctx, stand.StoreDir(0), o.Tickets, o.Progress); err != nil {
		return nil, err
	}
	took, err := stand.Start(ctx, 0)
	if err != nil {
		return nil, err
	}
	figures.StartMillis = float64(took.Microseconds()) / 1000
	pause(ctx, settleTime)
	if figures.StoreMiB, err = dirMiB(stand.StoreDir(0)); err != nil {
		return nil, err
	}
	figures.MemoryMiB, err = memoryMiB(stand.PIDs()[0])
	return figures, err
}

// writeTickets writes tickets of one region into a store that no node has open.
func writeTickets(ctx context.Context, dir string, n int, progress func(done, all int)) (err error) {
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Sealer: noSeals{}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	const atOnce = 500
	matter, err := proto.Marshal(&jieliv1.Matter{Title: "测量", Description: words(rand.New(rand.NewPCG(1, 1)), leastPayload)}) // #nosec G404 -- only text
	if err != nil {
		return err
	}
	for done := 0; done < n; {
		next := min(n, done+atOnce)
		err := s.Update(ctx, func(tx store.Tx) error {
			for i := done; i < next; i++ {
				id, err := uuid.NewV7()
				if err != nil {
					return err
				}
				if err := writeOwn(tx, id.String(), i, matter); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write tickets %d to %d: %w", done+1, next, err)
		}
		done = next
		progress(done, n)
	}
	return nil
}

// writeOwn writes a closed ticket of the first region: four events and the words beside the first.
func writeOwn(tx store.Tx, id string, n int, matter []byte) error {
	const region = "jingjinji"
	kinds := []jieliv1.Event_Kind{jieliv1.Event_RECEIVED, jieliv1.Event_ACCEPTED, jieliv1.Event_ANSWERED, jieliv1.Event_CLOSED}
	for i, kind := range kinds {
		ev := &jieliv1.Event{TicketId: id, Number: uint32(i + 1), Kind: kind, Author: region, Time: timestamppb.Now()} // #nosec G115 -- a few
		b, err := proto.Marshal(ev)
		if err != nil {
			return err
		}
		e := &store.Event{TicketID: id, Number: ev.GetNumber(), Kind: kind, Author: region, Hash: sha256.Sum256(b), Bytes: b}
		if err := tx.AppendEvent(e); err != nil {
			return err
		}
	}
	if err := tx.PutContent(&store.Content{TicketID: id, Number: 1, Name: "matter", Random: matter[:32], Data: matter}); err != nil {
		return err
	}
	return tx.PutTicket(&store.Ticket{Holder: region, State: &jieliv1.TicketState{
		Id: id, Number: fmt.Sprintf("MM-20260101-%07d-0", n), ExternalId: fmt.Sprint("M-", n), Origin: region, Pen: region,
		State: jieliv1.Ticket_CLOSED, Division: "110105", Service: "urban", LastNumber: 4,
	}})
}

// memoryMiB is a process's resident memory; 0 where /proc does not say.
func memoryMiB(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(size), " kB"))
			return float64(kib) / 1024, err
		}
	}
	return 0, nil
}

func dirMiB(dir string) (float64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return float64(sum) / (1 << 20), nil
}
