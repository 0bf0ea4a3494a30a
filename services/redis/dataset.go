package redis

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	databases = 16
	// quota bounds the bytes of keys and values that one attacker can keep.
	quota = 2 << 20
	// worldsKept bounds for how many attackers the server remembers what they did.
	worldsKept = 32
	// entrySize is what one element, field or key is charged beside its own bytes.
	entrySize = 64
	// maxListpack is hash-max-listpack-entries and set-max-intset-entries.
	maxListpack = 512
)

// worlds holds one world for each of the attackers seen last.
type worlds struct {
	mu   sync.Mutex
	byIP *simplelru.LRU[string, *world]
	make func() *world
}

func newWorlds(fresh func() *world) *worlds {
	byIP, err := simplelru.NewLRU[string, *world](worldsKept, nil)
	if err != nil {
		panic(err) // worldsKept is positive
	}
	return &worlds{byIP: byIP, make: fresh}
}

// of returns the world of the attacker at ip, a fresh one when it is new or forgotten.
func (w *worlds) of(ip string) *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one, ok := w.byIP.Get(ip); ok {
		return one
	}
	one := w.make()
	w.byIP.Add(ip, one)
	return one
}

// world is the server as one attacker left it: data, settings and connections.
type world struct {
	mu          sync.Mutex
	dbs         [databases]*db
	used        int // bytes charged against quota
	salt        uint64
	config      map[string]string // settings that were changed
	clients     map[*client]struct{}
	changed     chan struct{} // closed at the next write; nil when nobody waits
	scripts     map[string]string
	master      string // "host port" after REPLICAOF, "" for a master
	masterSince int64  // Unix seconds
	lastSave    int64  // Unix seconds
	dirty       int    // writes since lastSave
	saves       int
	hits        int
	misses      int
	expired     int
	calls       map[string]int
	errors      map[string]int
}

func newWorld(salt uint64) *world {
	w := &world{
		salt: salt, config: map[string]string{}, clients: map[*client]struct{}{},
		scripts: map[string]string{}, calls: map[string]int{}, errors: map[string]int{},
	}
	for i := range w.dbs {
		w.dbs[i] = &db{world: w, number: i, keys: map[string]*value{}}
	}
	return w
}

// room reports whether n more bytes fit.
func (w *world) room(n int) bool { return n <= quota-w.used }

// touch wakes those who wait for a write.
func (w *world) touch() {
	w.dirty++
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// db is one numbered database.
type db struct {
	world  *world
	number int
	keys   map[string]*value
}

type kind string

const (
	kindString kind = "string"
	kindList   kind = "list"
	kindSet    kind = "set"
	kindHash   kind = "hash"
	kindZset   kind = "zset"
	kindStream kind = "stream"
)

// value is what a key holds; the field of its kind is in use.
type value struct {
	kind    kind
	str     []byte
	list    [][]byte
	dict    fields // set members, hash fields
	scores  map[string]float64
	entries []entry // stream
	lastID  streamID
	raw     bool  // the string was changed in place, so it has no compact encoding
	expire  int64 // Unix milliseconds, 0: never
	used    int64 // Unix milliseconds of the last access
	size    int   // bytes charged
}

// lookup returns the value at key, nil when there is none at the time now.
func (d *db) lookup(key string, now int64) *value {
	v := d.keys[key]
	if v == nil {
		return nil
	}
	if v.expire != 0 && v.expire <= now {
		d.remove(key)
		d.world.expired++
		return nil
	}
	return v
}

// put makes v the value of key.
func (d *db) put(key string, v *value) {
	d.remove(key)
	d.keys[key] = v
	d.world.used += len(key) + entrySize + v.size
	d.changed(key)
}

// grow charges v, which is in d, with n more bytes.
func (d *db) grow(v *value, n int) {
	v.size += n
	d.world.used += n
}

func (d *db) remove(key string) bool {
	v, ok := d.keys[key]
	if !ok {
		return false
	}
	delete(d.keys, key)
	d.world.used -= len(key) + entrySize + v.size
	d.changed(key)
	return true
}

// changed tells the clients that watch key.
func (d *db) changed(key string) {
	for c := range d.world.clients {
		if _, ok := c.watching[watch{d, key}]; ok {
			c.stale = true
		}
	}
}

func (d *db) flush() {
	for key := range d.keys {
		d.remove(key)
	}
}

// empty reports whether a collection has lost its last element.
func (v *value) empty() bool {
	switch v.kind {
	case kindList:
		return len(v.list) == 0
	case kindSet, kindHash:
		return v.dict.len() == 0
	case kindZset:
		return len(v.scores) == 0
	}
	return false
}

func newString(b []byte) *value { return &value{kind: kindString, str: b, size: len(b)} }

// clone returns a copy of v that shares nothing with it that could change.
func (v *value) clone() *value {
	c := *v
	c.str = bytes.Clone(v.str)
	c.list = slices.Clone(v.list)
	c.entries = slices.Clone(v.entries)
	c.dict = fields{slices.Clone(v.dict.pairs), make(map[string]int, len(v.dict.index))}
	for i, p := range v.dict.pairs {
		c.dict.index[p.name] = i
	}
	c.scores = make(map[string]float64, len(v.scores))
	for m, s := range v.scores {
		c.scores[m] = s
	}
	return &c
}

// fields is a map that keeps the order of insertion.
type fields struct {
	pairs []pair
	index map[string]int
}

type pair struct {
	name  string
	value []byte
}

func (f *fields) len() int { return len(f.pairs) }

func (f *fields) get(name string) ([]byte, bool) {
	i, ok := f.index[name]
	if !ok {
		return nil, false
	}
	return f.pairs[i].value, true
}

// set returns by how many bytes f has grown, and whether name is new.
func (f *fields) set(name string, val []byte) (grown int, added bool) {
	if i, ok := f.index[name]; ok {
		grown = len(val) - len(f.pairs[i].value)
		f.pairs[i].value = val
		return grown, false
	}
	if f.index == nil {
		f.index = map[string]int{}
	}
	f.index[name] = len(f.pairs)
	f.pairs = append(f.pairs, pair{name, val})
	return entrySize + len(name) + len(val), true
}

// remove returns by how many bytes f has shrunk, 0 when name was not there. The order of
// what is left is kept while the server would keep it.
func (f *fields) remove(name string) int {
	i, ok := f.index[name]
	if !ok {
		return 0
	}
	shrunk := entrySize + len(name) + len(f.pairs[i].value)
	delete(f.index, name)
	last := len(f.pairs) - 1
	if last > maxListpack && i != last {
		f.pairs[i] = f.pairs[last]
		f.index[f.pairs[i].name] = i
		f.pairs = f.pairs[:last]
		return shrunk
	}
	f.pairs = slices.Delete(f.pairs, i, i+1)
	for j := i; j < last; j++ {
		f.index[f.pairs[j].name] = j
	}
	return shrunk
}

// bucket is the place of name in a hash table of the given size, a power of two.
func (w *world) bucket(name string, size uint64) uint64 {
	h := w.salt ^ 14695981039346656037
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	h ^= h >> 29
	return h & (size - 1)
}

// tableSize is the size of the server's hash table for n entries.
func tableSize(n int) uint64 {
	if n <= 4 {
		return 4
	}
	return 1 << bits.Len(uint(n-1))
}

// hashed returns names in the order of a hash table.
func (w *world) hashed(names []string) []string {
	size := tableSize(len(names))
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(w.bucket(a, size), w.bucket(b, size)), cmp.Compare(a, b))
	})
	return names
}

// scan returns the names in the buckets from cursor on, at least count if there are as
// many, and the next cursor, 0 at the end. The cursor walks the buckets in the order of
// their bit-reversed numbers, which survives a change of the table's size.
func (w *world) scan(names []string, cursor uint64, count int) ([]string, uint64) {
	size := tableSize(len(names))
	buckets := make(map[uint64][]string, len(names))
	for _, n := range w.hashed(names) {
		b := w.bucket(n, size)
		buckets[b] = append(buckets[b], n)
	}
	var out []string
	for visits := 0; visits < 10*count; visits++ {
		out = append(out, buckets[cursor&(size-1)]...)
		cursor |= ^(size - 1)
		cursor = bits.Reverse64(bits.Reverse64(cursor) + 1)
		if cursor == 0 || len(out) >= count {
			break
		}
	}
	return out, cursor
}

// names returns the keys of d that are alive at now, in hash order.
func (d *db) names(now int64) []string {
	names := make([]string, 0, len(d.keys))
	for key := range d.keys {
		if d.lookup(key, now) != nil {
			names = append(names, key)
		}
	}
	return d.world.hashed(names)
}

// members returns the members of a set: sorted when all are small integers, in hash
// order otherwise, as the server's two encodings have them.
func (w *world) members(v *value) []string {
	names := make([]string, 0, v.dict.len())
	for _, p := range v.dict.pairs {
		names = append(names, p.name)
	}
	if !v.intset() {
		return w.hashed(names)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, _ := parseInt([]byte(a))
		y, _ := parseInt([]byte(b))
		return cmp.Compare(x, y)
	})
	return names
}

func (v *value) intset() bool {
	if v.dict.len() > maxListpack || v.kind != kindSet {
		return false
	}
	for _, p := range v.dict.pairs {
		if _, ok := parseInt([]byte(p.name)); !ok {
			return false
		}
	}
	return true
}

// compact reports whether a hash or sorted set is small enough to keep its order.
func compact(n int, names func(yield func(string) bool), limit int) bool {
	if n > limit {
		return false
	}
	for name := range names {
		if len(name) > 64 {
			return false
		}
	}
	return true
}

// pairsInOrder returns the fields of a hash as HGETALL lists them.
func (w *world) pairsInOrder(v *value) []pair {
	small := compact(v.dict.len(), func(yield func(string) bool) {
		for _, p := range v.dict.pairs {
			if !yield(p.name) || !yield(string(p.value)) {
				return
			}
		}
	}, maxListpack)
	if small {
		return v.dict.pairs
	}
	names := make([]string, 0, v.dict.len())
	for _, p := range v.dict.pairs {
		names = append(names, p.name)
	}
	out := make([]pair, 0, len(names))
	for _, n := range w.hashed(names) {
		val, _ := v.dict.get(n)
		out = append(out, pair{n, val})
	}
	return out
}

// member is one element of a sorted set.
type member struct {
	name  string
	score float64
}

// ranked returns the members of a sorted set by score and name.
func (v *value) ranked() []member {
	list := make([]member, 0, len(v.scores))
	for n, s := range v.scores {
		list = append(list, member{n, s})
	}
	slices.SortFunc(list, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
	})
	return list
}

// encoding is the answer to OBJECT ENCODING.
func (v *value) encoding() string {
	switch v.kind {
	case kindString:
		if _, ok := parseInt(v.str); ok && !v.raw {
			return "int"
		}
		if len(v.str) <= 44 && !v.raw {
			return "embstr"
		}
		return "raw"
	case kindList:
		return "quicklist"
	case kindSet:
		if v.intset() {
			return "intset"
		}
		return "hashtable"
	case kindHash:
		if compact(v.dict.len(), func(yield func(string) bool) {
			for _, p := range v.dict.pairs {
				if !yield(p.name) || !yield(string(p.value)) {
					return
				}
			}
		}, maxListpack) {
			return "listpack"
		}
		return "hashtable"
	case kindZset:
		if compact(len(v.scores), func(yield func(string) bool) {
			for n := range v.scores {
				if !yield(n) {
					return
				}
			}
		}, 128) {
			return "listpack"
		}
		return "skiplist"
	}
	return "stream"
}

// streamID names an entry of a stream.
type streamID struct{ ms, seq uint64 }

func (id streamID) String() string {
	return strconv.FormatUint(id.ms, 10) + "-" + strconv.FormatUint(id.seq, 10)
}

func (id streamID) compare(o streamID) int {
	return cmp.Or(cmp.Compare(id.ms, o.ms), cmp.Compare(id.seq, o.seq))
}

type entry struct {
	id     streamID
	fields [][]byte
}

// saltOf makes the order of a hash table differ between deckies.
func saltOf(key [32]byte) uint64 { return binary.LittleEndian.Uint64(key[:]) }
