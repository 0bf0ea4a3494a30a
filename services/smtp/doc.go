// Package smtp is a mail server honeypot that answers as Debian's Postfix 3.7 with Cyrus
// SASL does. It accepts mail, keeps it as evidence and never delivers it.
//
//	srv, err := smtp.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, nil)
//	l, err := net.Listen("tcp", "127.0.0.1:2525")
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 25}, Stream: l}})
//
// Service{} is an ordinary server: it takes mail for its own domain and refuses to relay.
// Service{Relay: true} is the open relay smtp_relay, which takes mail for everybody.
//
// Nothing is resolved, dialled or executed. A message is streamed to the artifact store
// while it arrives and takes a few kilobytes of memory whatever its size.
package smtp
