package auditsink

// Actions is every action there is.
var Actions = actions[:]
