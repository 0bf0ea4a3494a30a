// Package lan runs a fleet.
package lan
