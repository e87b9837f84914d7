package memory

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTree: a tree is a sorted map, and one that was changed into another is still what it was.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var current tree[int]
		model := map[string]int{}
		type version struct {
			tree  tree[int]
			model map[string]int
		}
		var versions []version
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			k := fmt.Sprintf("%02d", rapid.IntRange(0, 40).Draw(t, "key"))
			if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
				current = current.delete(k)
				delete(model, k)
			} else {
				current = current.put(k, i)
				model[k] = i
			}
			if i%20 == 0 {
				versions = append(versions, version{current, maps.Clone(model)})
			}
		}
		for _, v := range append(versions, version{current, model}) {
			compareTree(t, v.tree, v.model)
		}
	})
}

func compareTree(t *rapid.T, got tree[int], want map[string]int) {
	keys := slices.Sorted(maps.Keys(want))
	var read []string
	for k, v := range got.from("") {
		read = append(read, k)
		if v != want[k] {
			t.Fatalf("%s holds %d, want %d", k, v, want[k])
		}
		if one, ok := got.get(k); !ok || one != v {
			t.Fatalf("get %s: %d, %t", k, one, ok)
		}
	}
	if !slices.Equal(read, keys) || got.len() != len(keys) {
		t.Fatalf("keys %v (%d), want %v", read, got.len(), keys)
	}
	if _, ok := got.get("missing"); ok {
		t.Fatal("found what was never put")
	}
	read = nil
	for k := range got.from("20") {
		read = append(read, k)
	}
	at, _ := slices.BinarySearch(keys, "20")
	if !slices.Equal(read, keys[at:]) {
		t.Fatalf("from 20: %v, want %v", read, keys[at:])
	}
	read = nil
	for k := range got.under("1") {
		read = append(read, k)
	}
	if want := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k[0] != '1' }); !slices.Equal(read, want) {
		t.Fatalf("under 1: %v, want %v", read, want)
	}
	if v, ok := got.last(); ok != (len(keys) > 0) || ok && v != want[keys[len(keys)-1]] {
		t.Fatalf("last: %d, %t", v, ok)
	}
}
