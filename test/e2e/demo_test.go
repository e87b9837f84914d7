package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestTheDemonstrationLosesNothing plays the built-in sample, and the real complaints where they are, in both layouts.
// What becomes of the calls follows from them alone: by the regions they come in at and the places they are about.
func TestTheDemonstrationLosesNothing(t *testing.T) {
	type play struct {
		name, layout, input         string
		submitted, handedOff, local int
	}
	plays := []play{
		{"three, the sample", "clusters", "", 60, 31, 27},
		{"eleven, the sample", "provinces", "", 60, 44, 14},
	}
	// JIELI_E2E_DATA names a folder with the project's real complaints, which are not in the repository.
	data := os.Getenv("JIELI_E2E_DATA")
	if data != "" {
		plays = append(plays,
			play{"three, complaints", "clusters", "complaints.jsonl", 394, 187, 207},
			play{"three, answered", "clusters", "answered.jsonl", 97, 51, 46},
			play{"eleven, complaints", "provinces", "complaints.jsonl", 394, 323, 71},
			play{"eleven, answered", "provinces", "answered.jsonl", 97, 80, 17},
		)
	}
	for _, tc := range plays {
		t.Run(tc.name, func(t *testing.T) {
			args := []string{"demo", "--exit", "-o", "json", "--port-base", "0", "--layout", tc.layout, "--data-dir", t.TempDir()}
			if tc.input != "" {
				args = append(args, "--input", filepath.Join(data, tc.input))
			}
			cmd := exec.CommandContext(t.Context(), binary, args...)
			cmd.Stderr = os.Stderr
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			out, err := cmd.Output()
			must(t, err)
			got := map[string]float64{}
			must(t, json.Unmarshal(out, &got))
			want := map[string]int{
				"submitted": tc.submitted, "handedOff": tc.handedOff, "delivered": tc.handedOff, "local": tc.local,
				"closed": tc.handedOff + tc.local, "refused": 0, "lost": 0, "duplicated": 0, "divergent": 0,
			}
			for key, n := range want {
				if int(got[key]) != n {
					t.Errorf("%s: got %v, want %d in %s", key, got[key], n, out)
				}
			}
		})
	}
}
