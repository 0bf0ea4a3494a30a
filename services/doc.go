// Package services is the contract between a honeypot and whatever runs it, and the
// machinery that all honeypots share: limits, the accept loop, sessions, the registry.
//
// A [Service] describes itself and makes a [Server]; a server is handed bound sockets and
// serves them until its context ends. It can report ([Session.Emit]) and keep what an
// attacker uploads ([Session.Capture]), and nothing else: there is no dialer and no shell
// in an [Env], so a honeypot cannot reach out.
//
//	svc, err := registry.Lookup("redis")
//	srv, err := svc.New(services.Env{Decky: "decky-01", Sink: sink}, nil)
//	l, err := net.Listen("tcp", "127.0.0.1:6379")
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 6379}, Stream: l}})
//
// The built-in honeypots are in services/<name>, their list in services/all, and the
// conformance suite for your own in services/servicetest.
package services
