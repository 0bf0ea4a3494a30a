package shell

// hostnameUsage is what hostname 3.23 prints for --help.
const hostnameUsage = ``
