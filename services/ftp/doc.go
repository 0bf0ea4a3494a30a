// Package ftp is an FTP honeypot that answers as vsftpd 3.0.3 does, with bait to download
// and room to upload.
//
//	srv, err := ftp.Service{}.New(services.Env{Decky: "decky-01", Sink: sink}, nil)
//	l, err := net.Listen("tcp", "127.0.0.1:2121")
//	err = srv.Serve(ctx, []services.Socket{{Port: services.Port{Network: "tcp", Number: 21}, Stream: l}})
//
// The persona is a server with anonymous access, local accounts in a chroot, an upload
// directory and no TLS: anonymous_enable, local_enable, write_enable, anon_upload_enable,
// anon_mkdir_write_enable, chroot_local_user and allow_writeable_chroot are YES, the rest
// is as Debian ships it.
//
// There is no file system behind it: the tree is in memory, the bait derives from the
// decky's identity, and what an attacker changes is seen by the same address alone. The
// honeypot never connects to anybody: PORT and EPRT are answered, and the transfer then
// fails as it does when the client's firewall refuses. PASV and EPSV listen on the local
// address of the control connection, for one connection from the same peer, for at most
// a minute.
package ftp
