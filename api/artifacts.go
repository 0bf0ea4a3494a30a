package api

import (
	"fmt"
	"net/http"

	"github.com/decnet/decnet"
)

func (s *server) attackerArtifacts(w http.ResponseWriter, r *http.Request) error {
	id, err := attackerID(r)
	if err != nil {
		return err
	}
	records, err := s.Store.ArtifactRecords(r.Context(), id)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, map[string]any{"total": len(records), "data": logRows(records)})
}

// artifact sends a captured file as an opaque download: no browser shows or runs it.
func (s *server) artifact(w http.ResponseWriter, r *http.Request) error {
	if s.Artifacts == nil {
		return decnet.ErrNotFound
	}
	name := r.PathValue("stored_as")
	f, err := s.Artifacts.Open(r.PathValue("decky"), name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	content, ok := f.(interface {
		Read([]byte) (int, error)
		Seek(int64, int) (int64, error)
	})
	if !ok {
		return fmt.Errorf("artifact %q cannot be read at a position", name)
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	http.ServeContent(w, r, "", info.ModTime(), content)
	return nil
}
