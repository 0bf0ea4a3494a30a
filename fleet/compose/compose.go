package compose

import (
	"cmp"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/fleet"
	"github.com/decnet/decnet/services"
)

// The defaults of Options.
const (
	DefaultProject = "decnet"
	DefaultNetwork = "decnet_lan"
	DefaultImage   = "decnet-pot"
)

// Options says how a document is made. The zero value works.
type Options struct {
	Project string // name of the compose project and of the fleet in labels; "": DefaultProject
	Network string // name of the engine's network; "": DefaultNetwork

	// External says that the network exists. The document then names it only, and
	// docker compose down leaves it alone.
	External bool

	// Image has decnet-pot as its entry point. "": DefaultImage, which is built on the
	// machine and never pulled, as is a tag of it.
	Image string
	// Context is what Image is built from, so that docker compose builds it: a Dockerfile
	// and what it names. nil: the document names Image only.
	Context fs.FS

	// Init is the executable of cmd/decnet-init. nil: a service that needs it is refused.
	Init []byte

	// File is where the document is to be, an absolute path; "": nowhere. It goes into
	// labels, and build contexts are beside it.
	File string

	// Dir is what relative paths in settings are relative to; "": they are refused.
	Dir string

	// Artifacts is the directory of the host, an absolute path, in which captured files are
	// kept as a quarantine (see collector/quarantine); "": they are dropped. The directories
	// that containers mount are in Document.Directories.
	Artifacts string
	// Quota is how many bytes of captured files the container of one service keeps. 0: 64 MiB
	Quota int64

	Host   netip.Addr // the host's own address on the LAN, which no decky may have
	Host6  netip.Addr // its address of IPv6 there
	Limits Limits     // of each service
}

// Limits bounds what one container takes of its host. Zero fields stand for the defaults
// in their comments; the second value is that of images other than decnet-pot.
type Limits struct {
	Memory int64   // bytes; 0: 64 or 256 MiB. There is no swap beside it
	PIDs   int64   // processes and threads; 0: 128 or 256
	CPUs   float32 // processors; 0: 0.5 or 1
}

func (l Limits) or(memory, pids int64, cpus float32) Limits {
	return Limits{cmp.Or(l.Memory, memory), cmp.Or(l.PIDs, pids), cmp.Or(l.CPUs, cpus)}
}

// Document is a fleet as a compose project.
type Document struct {
	// Project has the containers of a decky under the names that ContainerName gives.
	// The labels that mark containers and networks as those of a compose project, which
	// docker compose sets itself and a document must not have, are in CustomLabels.
	Project *types.Project

	// Contexts holds what images are built from, by the path that the document has it
	// under, relative to its own directory.
	Contexts map[string]fs.FS

	// Directories are those of the host that containers write to. They are made before
	// the containers are, as MakeDirectories does.
	Directories []Directory
}

// Directory is one that a single container writes to.
type Directory struct {
	Path string
	User int // its owner, the only one who may write to it beside root
}

// New translates f, whose services are those of reg and its own custom ones.
//
// Its error joins a Fault for each thing that is wrong. A Fault wraps decnet.ErrSemantic
// when the fleet contradicts itself, decnet.ErrConflict when two containers would have one
// name or one service two definitions, decnet.ErrForbidden when a service asks for what no
// container may have, and decnet.ErrInvalid when a value cannot be what it is meant to be.
func New(reg *services.Registry, f decnet.Fleet, opt Options) (*Document, error) {
	opt.Project = cmp.Or(opt.Project, DefaultProject)
	opt.Network = cmp.Or(opt.Network, DefaultNetwork)
	opt.Quota = cmp.Or(opt.Quota, 64<<20)
	t := &translation{
		opt: opt, fleet: f, reg: reg,
		names: make(map[string]place), addrs: make(map[netip.Addr]string), deckies: make(map[string]bool),
		customs: make(map[string]fleet.Custom), volumes: make(map[string]place),
		doc: &Document{
			Project:  &types.Project{Name: opt.Project, Services: types.Services{}, Networks: types.Networks{}, Volumes: types.Volumes{}},
			Contexts: make(map[string]fs.FS),
		},
	}
	if opt.File != "" {
		t.doc.Project.WorkingDir = filepath.Dir(opt.File)
		t.doc.Project.ComposeFiles = []string{opt.File}
	}
	t.network()
	if f.Mode == fleet.ModeMACVLAN {
		t.macs, _ = fleet.MACs(f) // fails for what is a fault of a decky
	}
	for _, d := range f.Deckies {
		t.decky(d)
	}
	t.buildImage()
	if len(t.faults) > 0 {
		return nil, errors.Join(t.faults...)
	}
	if err := t.label(); err != nil {
		return nil, err
	}
	return t.doc, nil
}

// ContainerName returns the name of the container that runs a service of a decky; for no
// service, of the one that holds its address. It is the name of the compose service too.
func ContainerName(decky, service string) string {
	if service == "" {
		return decky
	}
	return decky + "-" + strings.ReplaceAll(service, "_", "-")
}

// translation is a document in the making.
type translation struct {
	opt     Options
	fleet   decnet.Fleet
	reg     *services.Registry
	doc     *Document
	faults  []error
	names   map[string]place        // who has which container name
	addrs   map[netip.Addr]string   // which decky has which address
	deckies map[string]bool         // names in lower case
	customs map[string]fleet.Custom // as first defined
	volumes map[string]place        // who has which named volume
	macs    map[string]net.HardwareAddr
}
