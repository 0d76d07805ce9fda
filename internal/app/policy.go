package app

// policyCommands are what an author of a policy does with it, one file for each verb: policy_VERB.go.
type policyCommands struct {
	Simulate policySimulate `cmd:"" help:"Run the recorded history again under another policy: who would hold a seat, who would wait, what it would cost."`
}
