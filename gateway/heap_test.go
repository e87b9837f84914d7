package gateway

import "testing"

func TestHeapGrowth(t *testing.T) {
	for _, tc := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing known yet", 0, 100},
		{"almost nothing lives", 1 << 20, 800},
		{"a small registry", 16 << 20, 400},
		{"as much as the room", 64 << 20, 100},
		{"a large registry keeps Go's own rule", 400 << 20, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := growth(tc.live); got != tc.want {
				t.Errorf("growth(%d) = %d %%, want %d %%", tc.live, got, tc.want)
			}
		})
	}
}
