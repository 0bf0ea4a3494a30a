// Package docker makes fleets real with a container engine.
package docker
