package mysql

import "github.com/decnet/decnet/store/internal/sqlrepo"

// Plain makes a store keep to what MySQL knows.
var Plain = Config{plain: true}

// Dialect is that of the store.
var Dialect sqlrepo.Dialect = dialect{}
