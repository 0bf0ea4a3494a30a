package api

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/decnet/decnet"
)

type artifactRows struct {
	Total int      `json:"total"`
	Data  []logRow `json:"data"`
}

func (s *server) attackerArtifacts(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	records, err := s.Store.ArtifactRecords(r.Context(), id)
	if err != nil {
		return err
	}
	return respond(w, r, http.StatusOK, artifactRows{len(records), logRows(records)})
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
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	if r.Method == http.MethodHead {
		return nil
	}
	// An answer that is cut short has fewer bytes than it promised, and the server then
	// closes the connection.
	out := &patientWriter{w, http.NewResponseController(w), s.pace.write}
	if _, err := io.CopyN(out, f, info.Size()); err != nil && r.Context().Err() == nil {
		s.Log.Warn("a download was cut short", "artifact", name, "error", err)
	}
	return nil
}

// patientWriter waits for each part of an answer to be taken, however long the answer is.
type patientWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	wait    time.Duration
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.wait))
	return p.w.Write(b)
}
