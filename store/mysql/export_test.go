package mysql

import "github.com/decnet/decnet/store/internal/sqlrepo"

// Dialect is that of the store.
var Dialect sqlrepo.Dialect = dialect{}
