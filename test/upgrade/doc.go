// Package upgrade tests that databases of every version become databases of this one, with all
// that they held. It has no code of its own. For each version testdata has a database of SQLite
// and the dump of one of MariaDB, which the last program with that version of the schema has
// filled, and what that program said of each through the roles of package store.
package upgrade
