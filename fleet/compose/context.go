package compose

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// build makes s a container of an image that is built from c on the base of distro. The
// image is named after what it is built from, so an image of that name is up to date.
func (t *translation) build(s *types.ServiceConfig, at place, c services.Container, distro fleet.Distro) {
	digest, err := digest(c.Context, distro.BuildBase)
	if err != nil {
		t.fault(at, fmt.Errorf("build context: %w", err))
		return
	}
	name := "decnet-" + strings.ReplaceAll(at.service, "_", "-")
	dir := "build/" + name + "-" + digest[:12]
	t.doc.Contexts[dir] = c.Context
	base := distro.BuildBase
	s.Build = &types.BuildConfig{
		Context: "./" + dir, Dockerfile: "Dockerfile",
		Args:   types.MappingWithEquals{"BASE_IMAGE": &base},
		Labels: types.Labels{LabelFleet: t.opt.Project, LabelContext: "./" + dir},
	}
	s.Image = c.Image
	if s.Image == "" {
		s.Image = name + ":" + digest[:12]
	}
	s.PullPolicy = types.PullPolicyNever
}

// buildImage has the first decky say what the image of decnet-pot is built from, which all
// others use too.
func (t *translation) buildImage() {
	if t.opt.Context == nil || len(t.fleet.Deckies) == 0 {
		return
	}
	digest, err := digest(t.opt.Context, "")
	if err != nil {
		t.fault(place{}, fmt.Errorf("build context of %s: %w", t.image(), err))
		return
	}
	dir := "build/" + DefaultImage + "-" + digest[:12]
	t.doc.Contexts[dir] = t.opt.Context
	s := t.doc.Project.Services[t.fleet.Deckies[0].Name]
	s.Build = &types.BuildConfig{
		Context: "./" + dir, Dockerfile: "Dockerfile",
		Labels: types.Labels{LabelFleet: t.opt.Project, LabelContext: t.image()},
	}
	t.doc.Project.Services[s.Name] = s
}

// digest returns 64 hexadecimal digits that depend on the files of a build context and on
// the base alone.
func digest(context fs.FS, base string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", base)
	found := false
	err := fs.WalkDir(context, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file: %w", path, decnet.ErrInvalid)
		}
		found = found || path == "Dockerfile"
		info, err := e.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(context, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %t %x\n", path, info.Mode()&0o100 != 0, sha256.Sum256(data))
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("there is no Dockerfile: %w", decnet.ErrInvalid)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// MakeDirectories makes the directories that containers write to, each for its owner and
// root alone, which takes root. One that is there is left as it is.
func (d *Document) MakeDirectories() error {
	for _, dir := range d.Directories {
		if err := os.MkdirAll(filepath.Dir(dir.Path), 0o700); err != nil {
			return err
		}
		if err := os.Mkdir(dir.Path, 0o700); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := os.Lchown(dir.Path, dir.User, dir.User); err != nil {
			return errors.Join(err, os.Remove(dir.Path))
		}
	}
	return nil
}

// WriteFile writes the document to path, for its owner alone: the document has what is
// secret about the fleet. Build contexts are written beside it. A file that is there is
// replaced as a whole; a context that is there is the same. It makes no Directories.
func (d *Document) WriteFile(path string) error {
	text, err := d.YAML()
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory: %w", path, decnet.ErrInvalid)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	}
	for name, context := range d.Contexts {
		if err := writeContext(filepath.Join(filepath.Dir(path), filepath.FromSlash(name)), context); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".compose-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = bytes.NewReader(text).WriteTo(f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func writeContext(dir string, context fs.FS) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	defer os.Remove(parent) // if it is empty
	tmp, err := os.MkdirTemp(parent, ".context-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.CopyFS(tmp, context); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}
