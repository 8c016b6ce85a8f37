# METADATA
# title: A service of a compose file has more rights than it needs
# description: Who breaks into a service gets the rights that it was given.
# scope: package
# custom:
#   id: COMPOSE-0001
#   severity: HIGH
#   recommended_action: Take the right away, or accept the finding in exceptions.toml.
#   input:
#     selector:
#       - type: yaml
package user.compose

import rego.v1

deny contains res if {
	some name, service in input.services
	some right in rights(service)
	res := result.new(sprintf("service %s %s", [name, right]), service)
}

rights(service) := {right | some right, given in of_any(service); given} | {right |
	service.image # else the file only adds to another, which is looked at itself
	some right, given in of_whole(service)
	given
}

of_any(service) := {
	"is privileged": object.get(service, "privileged", false),
	"sees the processes of its host": object.get(service, "pid", "") == "host",
	"reaches the engine's socket": contains(json.marshal(object.get(service, "volumes", [])), "docker.sock"),
	"shares the memory of its host": object.get(service, "ipc", "") == "host",
	"reaches devices of its host": count(object.get(service, "devices", [])) > 0,
	"gets capabilities back": count(object.get(service, "cap_add", [])) > 0,
}

of_whole(service) := {
	"can write to its root: read_only is not true": object.get(service, "read_only", false) == false,
	"keeps root's capabilities: cap_drop is not [ALL]": object.get(service, "cap_drop", []) != ["ALL"],
	"can gain rights: security_opt has no no-new-privileges:true": not_listed(service),
	"moves with :latest": regex.match(`^([^@$]*/)?[^:@$/]+(:latest)?$`, service.image),
}

not_listed(service) if not "no-new-privileges:true" in object.get(service, "security_opt", [])

else := false
