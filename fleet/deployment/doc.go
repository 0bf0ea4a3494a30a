// Package deployment keeps the one deployment state of DECNET: a [Document] in the store,
// which says what is deployed, and which every command and the API read. It changes only
// together with what a [fleet.Runtime] made real.
//
//	d := deployment.New(db, runtime, deployment.Options{Runtime: "docker", Durable: true})
//	_, err := d.Deploy(ctx, func(last decnet.Fleet) (decnet.Fleet, error) { return plan, nil })
//	m := deployment.NewMutator(d, registry, deployment.MutatorOptions{Sink: sink})
//	err = m.Run(ctx)
//
// # Turns
//
// A change announces itself in the document before anything is done, and takes that back
// together with writing what has become of it. Changes of all processes that share the
// store take turns: a second one waits. The announcement is a lease, which its owner renews;
// when the owner was killed, the next change begins by finding out what is really there.
// Documents are swapped and never overwritten, so that no writer undoes what another wrote.
//
// # Plans
//
// [Deployment.Deploy] makes a fleet what a plan says. [Deployment.Follow] is for a plan that is
// kept elsewhere and comes again, such as a file at each start: it changes what the plan says
// otherwise than the last time. [Deployment.Repair] brings back what others take away.
//
// # Mutation
//
// A [Mutator] gives deckies other services from time to time. How often is what, in this
// order, says so first:
//
//  1. [SetInterval], which the API calls, until the decky is planned anew
//  2. mutate_interval in the section of the decky in an INI document
//  3. the global interval at [GlobalIntervalKey], which the API sets
//  4. fleet.Options.MutateInterval, which is where a flag goes
//  5. mutate_interval in [general]
//
// None of them: never. A decky that somebody is connected to is put off until the last
// connection ends or the grace time has passed. Each mutation becomes an event decky_mutated
// of the service mutator with the fields old_services and new_services (JSON lists) and
// trigger (scheduled or operator), which never counts as what an attacker did.
package deployment
