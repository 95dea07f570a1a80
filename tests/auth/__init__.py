"""Who somebody is: each kind of credential, honest, broken and stolen."""
