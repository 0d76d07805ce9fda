package licensing

// EffectDryRun is the effect of a finding that is only tried: what it would deny is recorded with the decision.
const EffectDryRun = "dryrun"
