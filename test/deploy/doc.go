// Package deploy tests the commands that make fleets of containers, against a container
// engine and on a LAN of the tests' own: decnetd deploy, status, mutate, teardown, collect and
// up --runtime docker.
package deploy
