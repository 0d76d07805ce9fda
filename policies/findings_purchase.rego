package ringfence

# Why a purchase reservation cannot be placed or taken back as asked, and what is odd about it. The service counts days and
# months from now; the settings say how many are right. Without an anniversary, what is about it does not apply.

purchase_findings contains {
	"code": "NOT_IN_EFFECT",
	"message": "a purchase reservation starts today at the earliest",
	"field": "startsOn",
} if {
	input.action == "placePurchaseReservation"
	input.purchase.days_ahead < 0
}

purchase_findings contains {
	"code": "NOT_IN_EFFECT",
	"message": sprintf("a purchase reservation starts %v months ahead at the latest", [months]),
	"field": "startsOn",
} if {
	input.action == "placePurchaseReservation"
	months := data.settings.purchases.months_ahead
	input.purchase.months_ahead > months
}

purchase_findings contains {
	"code": "NOT_IN_EFFECT",
	"message": sprintf("in the last %v days before the contract's anniversary no purchase reservation is placed", [days]),
	"field": "licenseId",
} if {
	input.action == "placePurchaseReservation"
	days := data.settings.purchases.blocked_days
	input.purchase.days_to_anniversary > 0
	input.purchase.days_to_anniversary <= days
}

purchase_findings contains {
	"code": "NEAR_ANNIVERSARY",
	"message": sprintf("it starts %v days before the contract's anniversary", [input.purchase.days_before_anniversary]),
	"effect": "warn",
	"field": "startsOn",
} if {
	input.action == "placePurchaseReservation"
	days := data.settings.purchases.warned_days
	input.purchase.days_before_anniversary > 0
	input.purchase.days_before_anniversary <= days
}

# From here on the vendor counts on the order. Who may override that does so in so many words.
binding if {
	input.action == "cancelPurchaseReservation"
	hours := data.settings.purchases.cancel_hours
	input.now > input.purchase.starts_at - (hours * 3600)
}

purchase_findings contains {
	"code": "NOT_IN_EFFECT",
	"message": sprintf("it is binding from %v hours before it starts", [data.settings.purchases.cancel_hours]),
	"field": "purchaseReservationId",
} if {
	binding
	input.purchase.override == false
}

purchase_findings contains {
	"code": "ROLE_REQUIRED",
	"message": "it is binding; only a GLOBAL_ADMIN may take it back, when the vendor has agreed",
	"field": "overrideDeadline",
} if {
	binding
	input.purchase.override == true
	input.principal.tier != "GLOBAL_ADMIN"
}

purchase_findings contains {
	"code": "DEADLINE_OVERRIDDEN",
	"message": "it was binding",
	"effect": "warn",
	"field": "overrideDeadline",
} if {
	binding
	input.purchase.override == true
}
