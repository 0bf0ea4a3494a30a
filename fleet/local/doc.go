// Package local runs a whole fleet in this process: every decky on its own loopback
// address, or on an address of the host, without privilege, engine or configuration.
//
//	rt := local.New(registry, local.Options{Sink: sink, PortOffset: local.PortOffset()})
//	g, ctx := errgroup.WithContext(ctx)
//	g.Go(func() error { return rt.Run(ctx) })
//	err := rt.Apply(ctx, plan)
//
// Each decky has the ports that its services declare, on its own address: 127.0.10.1:22,
// 127.0.10.2:22 and so on. A [Runtime] converges: [Runtime.Apply] compares the fleet that
// runs with the one that is wanted, stops what must go, starts what must come, and leaves
// every other service and its connections alone.
package local
