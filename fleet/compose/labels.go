package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/decnet/decnet/fleet"
)

// The labels that mark what belongs to a fleet. They are in the document, so they are
// there whoever creates the containers.
const (
	LabelFleet   = fleet.LabelFleet
	LabelDecky   = fleet.LabelDecky
	LabelService = fleet.LabelService
	LabelContext = fleet.LabelContext
	LabelWatch   = fleet.LabelWatch
)

const labelPrefix = "decnet."

// composePrefix is that of the labels that docker compose finds the parts of a project
// by. A document must not have any: docker compose sets them itself.
const composePrefix = "com.docker.compose."

// label gives everything the labels of a compose project.
func (t *translation) label() error {
	p := t.doc.Project
	for name, s := range p.Services {
		hash, err := Hash(s)
		if err != nil {
			return err
		}
		s.CustomLabels = types.Labels{
			composePrefix + "project":          p.Name,
			composePrefix + "service":          name,
			composePrefix + "container-number": "1",
			composePrefix + "oneoff":           "False",
			composePrefix + "config-hash":      hash,
			composePrefix + "depends_on":       dependencies(s),
		}
		if t.opt.File != "" {
			s.CustomLabels[composePrefix+"project.working_dir"] = p.WorkingDir
			s.CustomLabels[composePrefix+"project.config_files"] = t.opt.File
		}
		p.Services[name] = s
	}
	for name, n := range p.Networks {
		if !n.External {
			n.CustomLabels = types.Labels{composePrefix + "project": p.Name, composePrefix + "network": name}
			p.Networks[name] = n
		}
	}
	for name, v := range p.Volumes {
		v.CustomLabels = types.Labels{composePrefix + "project": p.Name, composePrefix + "volume": name}
		p.Volumes[name] = v
	}
	return nil
}

// Hash returns 64 hexadecimal digits that change with whatever makes another container of
// s. It is the same for a service of New and for what docker compose reads of it from the
// document, and leaves out what docker compose leaves out.
func Hash(s types.ServiceConfig) (string, error) {
	s.Build, s.PullPolicy, s.Scale, s.DependsOn, s.Profiles = nil, "", nil, nil, nil
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("compose: %s: %w", s.Name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

func dependencies(s types.ServiceConfig) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		d := s.DependsOn[name]
		list = append(list, fmt.Sprintf("%s:%s:%t", name, d.Condition, d.Restart))
	}
	return strings.Join(list, ",")
}
