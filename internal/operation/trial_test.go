package operation_test

import "github.com/ringfence/ringfence/internal/id"

// What a trial counts and shows is tested in internal/replay; here, that its mutations keep what all mutations promise.
func init() {
	const fields = `policyTrial { revision share author note asked }`
	payloads["startPolicyTrial"], payloads["stopPolicyTrial"] = fields, fields
	examples["startPolicyTrial"] = func(w *world) in { return in{"revision": w.Policy.Revision(), "share": 0.5, "note": "tried"} }
	examples["stopPolicyTrial"] = func(w *world) in { return in{"policyTrialId": w.trial()} }
	invalid["startPolicyTrial"] = []bad{
		{in{"share": 0}, "share"}, {in{"share": 1.5}, "share"}, {in{"revision": nil}, "files"}, {in{"note": long}, "note"},
	}
	invalid["stopPolicyTrial"] = nil
	missing["startPolicyTrial"] = []bad{{in{"revision": "0123456789abcdef"}, "revision"}}
	missing["stopPolicyTrial"] = []bad{{in{"policyTrialId": id.Of(id.PolicyTrial, 1<<40).String()}, "policyTrialId"}}
}

// trial starts a trial of the policy that answers and gives its id.
func (w *world) trial() string {
	w.Helper()
	var answer struct {
		StartPolicyTrial struct{ PolicyTrial struct{ ID string } }
	}
	w.ask(`mutation($input: StartPolicyTrialInput!) { startPolicyTrial(input: $input) { policyTrial { id } } }`,
		in{"input": in{"revision": w.Policy.Revision(), "share": 1}}, &answer)
	return answer.StartPolicyTrial.PolicyTrial.ID
}
