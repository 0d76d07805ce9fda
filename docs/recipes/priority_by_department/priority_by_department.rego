# Who waits in the queue is served by department first, then in the order in which they came.
package ringfence

priority := {index: rank |
	some index, subject in input.subjects
	rank := data.priority_by_department[subject.department]
} if {
	data.settings.actions[input.action].gives == true
}
