// Package compose translates a fleet into a compose project: what a container engine needs
// to make the deckies of a plan real. It starts nothing, asks no engine, looks at nothing
// but whether the files that settings name are there, and gives the same document, byte
// for byte, for the same fleet.
//
//	doc, err := compose.New(registry, plan, compose.Options{})
//	text, err := doc.YAML()
//
// # One decky
//
// A decky is one container that holds its address, hardware address, host name and network
// stack, and one container per service in the network of the first. fleet.PotHold and
// fleet.PotServe say what runs in them. A service whose honeypot asks for it (see
// services.Containerizer) has an image of its own, and so has a fleet.Custom service.
//
// Every container has a read-only root file system, no capabilities but those that are
// named, no way to gain more, limits of memory, processes and processor time, and a log
// that is rotated. No container has the socket of the engine.
//
//	container  user     capabilities            writable
//	holder     root     NET_ADMIN               nothing
//	pot        65532    none                    /tmp and Tmpfs of the honeypot, in memory; Options.Artifacts
//	own image  its own  CapAdd of the honeypot  Tmpfs of the honeypot, in memory
//	custom     its own  none                    /tmp and /run, in memory
//
// A pot whose honeypot names capabilities is root with just these. Low ports need none:
// the network of a decky has no privileged ones. Files that settings name are mounted
// read-only, and must be readable for the user of the container.
//
// # Refusals
//
// A fleet that contradicts itself, and a container that could reach the host, give an
// error. It joins one [Fault] for each thing that is wrong; none is left for the next try.
package compose
