// Package web is the HTTP/1.x server behind the http and https honeypots. It answers as
// Apache httpd, nginx or IIS do, down to the order of headers and the text of error pages,
// and reports every request with the order and spelling that the client used.
//
//	srv, err := web.New(services.Env{Decky: "decky-01", Sink: sink}, cfg, info)
//	err = srv.Serve(ctx, socks)
//
// A request is read by the rules of the product that the persona names (an engine), its
// target is looked up in the persona's site, and the engine puts the answer into words.
// Nothing that a client sends is opened, resolved, dialled or run: the only files read
// are those below the operator's directory, through os.Root.
package web
