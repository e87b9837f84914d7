package memory

import "iter"

// tree is an ordered map that never changes: put and delete return another one that shares all it can. It is a
// treap whose priorities are hashes of its keys, so equal contents have equal shape. The zero tree is empty.
type tree[V any] struct {
	root *node[V]
}

type node[V any] struct {
	key         string
	value       V
	priority    uint64
	size        int
	left, right *node[V]
}

func (t tree[V]) len() int { return t.root.count() }

func (t tree[V]) get(key string) (V, bool) {
	n := t.root
	for n != nil {
		switch {
		case key < n.key:
			n = n.left
		case key > n.key:
			n = n.right
		default:
			return n.value, true
		}
	}
	var zero V
	return zero, false
}

func (t tree[V]) put(key string, value V) tree[V] { return tree[V]{t.root.put(key, value)} }

func (t tree[V]) delete(key string) tree[V] { return tree[V]{t.root.delete(key)} }

// from yields keys and values in order, beginning with the first key not less than the given one.
func (t tree[V]) from(key string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { t.root.ascend(key, yield) }
}

// under yields what is filed under keys with a prefix, in order.
func (t tree[V]) under(prefix string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for k, v := range t.from(prefix) {
			if len(k) < len(prefix) || k[:len(prefix)] != prefix || !yield(k, v) {
				return
			}
		}
	}
}

// last is the greatest key's value.
func (t tree[V]) last() (v V, ok bool) {
	for n := t.root; n != nil; n = n.right {
		v, ok = n.value, true
	}
	return v, ok
}

func (n *node[V]) count() int {
	if n == nil {
		return 0
	}
	return n.size
}

// with copies a node with other children.
func (n *node[V]) with(left, right *node[V]) *node[V] {
	return &node[V]{n.key, n.value, n.priority, 1 + left.count() + right.count(), left, right}
}

func (n *node[V]) put(key string, value V) *node[V] {
	switch {
	case n == nil:
		return &node[V]{key: key, value: value, priority: priority(key), size: 1}
	case key < n.key:
		left := n.left.put(key, value)
		if left.priority > n.priority {
			return left.with(left.left, n.with(left.right, n.right))
		}
		return n.with(left, n.right)
	case key > n.key:
		right := n.right.put(key, value)
		if right.priority > n.priority {
			return right.with(n.with(n.left, right.left), right.right)
		}
		return n.with(n.left, right)
	default:
		return &node[V]{key, value, n.priority, n.size, n.left, n.right}
	}
}

func (n *node[V]) delete(key string) *node[V] {
	switch {
	case n == nil:
		return nil
	case key < n.key:
		return n.with(n.left.delete(key), n.right)
	case key > n.key:
		return n.with(n.left, n.right.delete(key))
	default:
		return merge(n.left, n.right)
	}
}

// merge joins two trees of which all keys of the first are less than those of the second.
func merge[V any](a, b *node[V]) *node[V] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		return a.with(a.left, merge(a.right, b))
	default:
		return b.with(merge(a, b.left), b.right)
	}
}

func (n *node[V]) ascend(from string, yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if n.key < from {
		return n.right.ascend(from, yield)
	}
	return n.left.ascend(from, yield) && yield(n.key, n.value) && n.right.ascend(from, yield)
}

// priority is FNV-1a with its bits mixed once more: neighbouring keys must not have neighbouring priorities.
func priority(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	return h ^ h>>33
}
