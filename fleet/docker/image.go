package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
)

// labelContext is on images that are built: what they were built from.
const labelContext = "decnet.context"

// imageWork is an image that is to be built or pulled.
type imageWork struct {
	Step
	build   types.BuildConfig
	context func(*tar.Writer) error // nil: it is pulled
	never   bool                    // it must not be pulled
}

// imagesFor returns what is to be done before the containers of doc can be made, and the
// IDs of the images that stay, by name.
func (r *Runtime) imagesFor(ctx context.Context, doc *compose.Document, pot *potImage) (work []imageWork, ids map[string]string, err error) {
	wanted := make(map[string]imageWork)
	for _, s := range doc.Project.Services {
		w := imageWork{Step: Step{Action: ActionPull, Object: ObjectImage, Name: s.Image}}
		switch {
		case pot != nil && s.Image == pot.name:
			w.Action, w.build, w.context = ActionBuild, pot.build, pot.write
		case s.Build != nil:
			files, ok := doc.Contexts[path.Clean(s.Build.Context)]
			if !ok {
				return nil, nil, fmt.Errorf("image %s: there is no build context %s: %w", s.Image, s.Build.Context, decnet.ErrInvalid)
			}
			w.Action, w.build = ActionBuild, *s.Build
			w.build.Labels = types.Labels(merged(s.Build.Labels, types.Labels{labelContext: s.Build.Context}))
			w.context = func(t *tar.Writer) error { return writeFiles(t, files) }
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
		case w.context != nil && labels[labelContext] != w.build.Labels[labelContext]:
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
		go func() {
			t := tar.NewWriter(into)
			err := w.context(t)
			if err == nil {
				err = t.Close()
			}
			into.CloseWithError(err)
		}()
		defer archive.Close()
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

// potImage is the image of decnet-pot, built from one executable.
type potImage struct {
	name, path string
	build      types.BuildConfig
}

const potDockerfile = "FROM scratch\nCOPY decnet-pot /decnet-pot\nENTRYPOINT [\"/decnet-pot\"]\n"

// potImage describes the image of the executable that the options name, whose name
// changes with its content. nil: the options name none.
func (r *Runtime) potImage() (*potImage, error) {
	if r.opt.Pot == "" || r.opt.Compose.Image != "" {
		return nil, nil
	}
	f, err := os.Open(r.opt.Pot)
	if err != nil {
		return nil, fmt.Errorf("decnet-pot: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("decnet-pot: %w", err)
	}
	digest := hex.EncodeToString(h.Sum(nil))
	return &potImage{
		name: compose.DefaultImage + ":" + digest[:12], path: r.opt.Pot,
		build: types.BuildConfig{Labels: types.Labels{compose.LabelFleet: r.opt.Compose.Project, labelContext: digest}},
	}, nil
}

// write writes the build context.
func (p *potImage) write(t *tar.Writer) error {
	if err := t.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(potDockerfile))}); err != nil {
		return err
	}
	if _, err := io.WriteString(t, potDockerfile); err != nil {
		return err
	}
	f, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: "decnet-pot", Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
