package fleet

// The labels by which whoever looks at an engine finds what belongs to a fleet.
const (
	LabelFleet   = "decnet.fleet"   // name of the project; on containers, networks, volumes and images
	LabelDecky   = "decnet.decky"   // name of the decky
	LabelService = "decnet.service" // name of the service; the holder of an address has none
	LabelContext = "decnet.context" // on images that are built: what they were built from
	LabelWatch   = "decnet.watch"   // on containers in which nothing of ours keeps files: what is written there is watched from the host
)
