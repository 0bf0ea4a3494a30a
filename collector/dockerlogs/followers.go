package dockerlogs

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fsnotify/fsnotify"

	"github.com/decnet/decnet/collector"
)

// follow makes a follower for c, unless there is one. A container that is gone is lost, when
// it has just begun.
func (r *run) follow(ctx context.Context, c containerID, begun bool) error {
	if r.has(c.id) || r.unreadable[c.id] {
		return nil
	}
	info, err := r.engine.ContainerInspect(ctx, c.id)
	var gone interface{ NotFound() }
	switch {
	case errors.As(err, &gone):
		if begun {
			r.lose(&c, gapRemoved, "")
		}
		return nil
	case err != nil:
		return err
	}
	f := &follower{containerID: c, key: "docker/" + c.fleet + "/" + c.id}
	f.lines = lines{maxLine: r.src.opts.MaxLine, room: &r.room}
	f.chain.path = info.LogPath
	if info.HostConfig == nil || info.HostConfig.LogConfig.Type != "json-file" || info.LogPath == "" {
		err = errUnreadable
	} else {
		f.dir = filepath.Dir(info.LogPath)
		keep, _ := strconv.Atoi(info.HostConfig.LogConfig.Config["max-file"])
		err = r.open(f, keep)
	}
	if err != nil {
		r.unreadable[c.id] = true
		f.chain.close()
		r.lose(&c, err.Error(), "")
		return nil
	}
	return nil
}

// open begins to follow f, of whose log the engine keeps that many files.
func (r *run) open(f *follower, keep int) error {
	if r.watcher != nil {
		if err := r.watcher.Add(f.dir); err != nil {
			r.src.opts.Log.Warn("a log is looked at now and then, and not when it changes", "decky", f.decky, "service", f.service, "error", err)
		}
	}
	r.mu.Lock()
	kept, known := r.positions[f.key]
	r.mu.Unlock()
	var pos position
	if known && json.Unmarshal([]byte(kept), &pos) == nil {
		f.kept = kept
	}
	if err := f.attach(pos, known, keep, r.attachBuf); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.positions, f.key)
	r.followers[f.id], r.dirs[f.dir], r.dirty[f.id] = f, f, true
	r.src.count(func(s *Status) { s.Containers++ })
	r.signal()
	return nil
}

func (r *run) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.followers[id] != nil
}

// tell changes the follower of a container, and has it looked at, after its newest file has
// been opened.
func (r *run) tell(id string, change func(*follower)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.followers[id]
	if f == nil {
		return
	}
	_ = f.chain.extend() // the reader tries again, and tells
	change(f)
	r.dirty[id] = true
	r.signal()
}

// lose says that lines of a container that cannot be followed are missing.
func (r *run) lose(c *containerID, reason, since string) {
	line := gapLine(c, r.src.opts.Now(), reason, since, "")
	r.gapFound(c, reason)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, line)
	r.signal()
}

// forgetOthers ends the followers of containers that are not present, and forgets their
// positions.
func (r *run) forgetOthers(present map[string]bool) {
	r.mu.Lock()
	var gone []string
	for id := range r.followers {
		if !present[id] {
			gone = append(gone, id)
		}
	}
	var lost []containerID
	var since []string
	for key, kept := range r.positions {
		fleet, id, _ := strings.Cut(strings.TrimPrefix(key, "docker/"), "/")
		if present[id] {
			continue
		}
		var pos position
		if err := json.Unmarshal([]byte(kept), &pos); err != nil {
			pos = position{}
		}
		lost, since = append(lost, containerID{id: id, fleet: fleet, decky: pos.Decky, service: pos.Service}), append(since, pos.Last)
		delete(r.positions, key)
		r.forgotten = append(r.forgotten, collector.Position{Key: key})
	}
	r.mu.Unlock()
	for i := range lost {
		r.lose(&lost[i], gapRemoved, since[i])
	}
	for _, id := range gone {
		r.tell(id, func(f *follower) { f.ended, f.removed = true, true })
	}
	for id := range r.unreadable {
		if !present[id] {
			delete(r.unreadable, id)
		}
	}
}

// followFiles opens new files of logs as soon as they are there, and has those that changed
// looked at.
func (r *run) followFiles(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-r.watcher.Errors: // some changes were not told
			if !ok {
				return
			}
			r.touchAll()
			r.signal()
		case e, ok := <-r.watcher.Events:
			if !ok {
				return
			}
			r.mu.Lock()
			f := r.dirs[filepath.Dir(e.Name)]
			r.mu.Unlock()
			if f == nil {
				continue
			}
			if e.Has(fsnotify.Create) {
				_ = f.chain.extend() // the reader tries again, and tells
			}
			r.mu.Lock()
			r.dirty[f.id] = true
			r.mu.Unlock()
			r.signal()
		}
	}
}
