package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet/compose"
	"github.com/decnet/decnet/fleet/pot"
)

// imageWork is an image that is to be built or pulled.
type imageWork struct {
	Step
	build   types.BuildConfig
	context fs.FS // nil: it is pulled
	never   bool  // it must not be pulled
}

// imagesFor returns what is to be done before the containers of doc can be made, and the
// IDs of the images that stay, by name.
func (r *Runtime) imagesFor(ctx context.Context, doc *compose.Document, built pot.Image) (work []imageWork, ids map[string]string, err error) {
	wanted := make(map[string]imageWork)
	for _, s := range doc.Project.Services {
		w := imageWork{Step: Step{Action: ActionPull, Object: ObjectImage, Name: s.Image}}
		switch {
		case s.Image == built.Name:
			w.Action, w.context = ActionBuild, built.Context
			w.build.Labels = types.Labels{compose.LabelFleet: r.opt.Compose.Project, compose.LabelContext: built.Name}
		case s.Build != nil:
			files, ok := doc.Contexts[path.Clean(s.Build.Context)]
			if !ok {
				return nil, nil, fmt.Errorf("image %s: there is no build context %s: %w", s.Image, s.Build.Context, decnet.ErrInvalid)
			}
			w.Action, w.build, w.context = ActionBuild, *s.Build, files
		}
		if wanted[s.Image].context != nil {
			continue // one service brings it, and another one uses it
		}
		w.never = w.context == nil && s.PullPolicy == types.PullPolicyNever
		wanted[s.Image] = w
	}
	ids = make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		w := wanted[name]
		id, labels, err := r.engine.image(ctx, name)
		switch {
		case errors.Is(err, decnet.ErrNotFound) && w.never:
			return nil, nil, fmt.Errorf("image %s does not exist, and nothing says what it is built from: %w", name, decnet.ErrNotFound)
		case errors.Is(err, decnet.ErrNotFound):
			w.Reason = "the engine does not have it"
		case err != nil:
			return nil, nil, fmt.Errorf("image %s: %w", name, err)
		case w.context != nil && r.opt.NoCache, w.context == nil && r.opt.Pull && !w.never:
			w.Reason = "on request"
		case w.context != nil && labels[compose.LabelContext] != w.build.Labels[compose.LabelContext]:
			w.Reason = "what it is built from changed"
		default:
			ids[name] = id
			continue
		}
		work = append(work, w)
	}
	return work, ids, nil
}

// make builds or pulls the image.
func (w imageWork) make(ctx context.Context, r *Runtime) error {
	return r.step(ctx, w.Step, func() error {
		say := func(text string) { r.say.tell(w.Step, PhaseSays, text, nil) }
		if w.context == nil {
			return r.engine.pull(ctx, w.Name, say)
		}
		archive, into := io.Pipe()
		written := make(chan struct{})
		go func() {
			defer close(written)
			t := tar.NewWriter(into)
			err := writeFiles(t, w.context)
			if err == nil {
				err = t.Close()
			}
			into.CloseWithError(err)
		}()
		defer func() {
			_ = archive.Close() // ends the writer
			<-written
		}()
		return r.engine.build(ctx, w.Name, w.build, archive, r.opt.NoCache, say)
	})
}

// writeFiles writes the files of a build context.
func writeFiles(t *tar.Writer, files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f, err := files.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		mode := int64(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: info.Size(), Format: tar.FormatPAX}); err != nil {
			return err
		}
		_, err = io.Copy(t, f)
		return err
	})
}

// potImage describes the image of the executable that the options name. Its name is ""
// when they name none.
func (r *Runtime) potImage() (pot.Image, error) {
	if r.opt.Pot == "" || r.opt.Compose.Image != "" {
		return pot.Image{}, nil
	}
	program, err := os.ReadFile(r.opt.Pot)
	if err != nil {
		return pot.Image{}, err
	}
	return pot.NewImage(program)
}
