package ssh

import (
	"context"

	"github.com/decnet/decnet/services/ssh/internal/sftpd"
)

// runSFTP is the sftp subsystem.
func (c *channel) runSFTP(context.Context) int {
	const gib = 1 << 30 / 4096
	err := sftpd.Serve(c, sftpd.Server{
		Files:   c.shell.Files(),
		Home:    c.shell.Home(),
		Now:     c.srv.env.Now,
		Blocks:  uint64(20+c.srv.env.Identity.Rand("disk").Int64N(60)) * gib,
		Observe: c.reportFile,
	})
	if err != nil {
		const badMessage = 11 // sftp-server's exit status for a message that it cannot take
		return badMessage
	}
	return 0
}
