package pot

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/decnet/decnet"
)

// Executable is the name of the program that the containers of deckies run.
const Executable = "decnet-pot"

// Init is the name of the program that is the first process of containers with real daemons
// (see compose.Options.Init).
const Init = "decnet-init"

// Find returns the path of Executable: the given one, or else beside the running program, or
// else in a directory of the environment's PATH. Where there is none the error, which says
// where it was looked for, wraps decnet.ErrNotFound.
func Find(given string) (string, error) {
	if given != "" {
		return given, executable(given)
	}
	return find(Executable)
}

// FindInit returns the path of Init: beside pot, the path that Find returned, unless that is
// empty, or else where Find looks, with the same error.
func FindInit(pot string) (string, error) {
	if beside := filepath.Join(filepath.Dir(pot), Init); pot != "" && executable(beside) == nil {
		return beside, nil
	}
	return find(Init)
}

func find(name string) (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("pot: %w", err)
	}
	beside := filepath.Join(filepath.Dir(self), name)
	if executable(beside) == nil {
		return beside, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("pot: there is no %s in %s, nor in PATH: %w", name, filepath.Dir(self), decnet.ErrNotFound)
}

// executable says why path is not that of a program.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("pot: %s: %w", path, decnet.ErrNotFound)
	case err != nil:
		return fmt.Errorf("pot: %w", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("pot: %s is not a program: %w", path, decnet.ErrInvalid)
	}
	return nil
}

// Image is a container image that has one program and nothing else.
type Image struct {
	// Name is decnet-pot with a tag that follows from what the image is built from: an
	// image of that name is up to date.
	Name string
	// Context is what the image is built from: a Dockerfile and what it names. No other
	// image is needed for it, and no network.
	Context fs.FS
}

// The image needs no files but the program: users are numbers, and no name is resolved.
const dockerfile = `FROM scratch
COPY ` + Executable + ` /` + Executable + `
USER 65532:65532
ENTRYPOINT ["/` + Executable + `"]
`

// NewImage describes the image of a program, which is statically linked for Linux. Anything
// else gives an error that wraps decnet.ErrInvalid.
func NewImage(program []byte) (Image, error) {
	if err := static(program); err != nil {
		return Image{}, fmt.Errorf("pot: %w: %w", err, decnet.ErrInvalid)
	}
	digest := sha256.New()
	digest.Write([]byte(dockerfile))
	digest.Write(program)
	context, err := files(map[string][]byte{"Dockerfile": []byte(dockerfile), Executable: program})
	if err != nil {
		return Image{}, fmt.Errorf("pot: %w", err)
	}
	return Image{Name: fmt.Sprintf("%s:%x", Executable, digest.Sum(nil)[:6]), Context: context}, nil
}

// files returns a file system in memory, in which every file can be executed.
func files(contents map[string][]byte) (fs.FS, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range contents {
		header := &zip.FileHeader{Name: name, Method: zip.Store}
		header.SetMode(0o755)
		f, err := w.CreateHeader(header)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}

// static says why a program does not run where there is no other file.
func static(program []byte) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("the program is not for Linux: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("the program is linked dynamically; build it with CGO_ENABLED=0")
		}
	}
	return nil
}
