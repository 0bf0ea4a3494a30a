# Command accounting.
if ! declare -F __acct_log > /dev/null; then
  __acct_log() {
    builtin command /usr/lib/systemd/systemd-acct -- "${1:0:30000}" 2>/dev/null
  }
  if [ -n "$BASH_EXECUTION_STRING" ]; then
    __acct_log "$BASH_EXECUTION_STRING"
  elif [ -n "$PS1" ]; then
    __acct_pre() {
      [ -n "$__acct_armed" ] || return 0
      __acct_armed=
      local h=$(HISTTIMEFORMAT= builtin history 1)
      if [ -n "$h" ] && [ "$h" != "$__acct_last" ]; then
        __acct_last=$h
        h=${h#"${h%%[![:space:]]*}"}
        h=${h#*[[:space:]]}
        __acct_log "${h#"${h%%[![:space:]]*}"}"
      else
        __acct_log "${1:-}"
      fi
    }
    __acct_prompt() {
      local s=$?
      if [ -z "$__acct_start" ]; then
        __acct_start=1
        __acct_last=$(HISTTIMEFORMAT= builtin history 1)
      elif [ -n "$__acct_armed" ] && [ "$(HISTTIMEFORMAT= builtin history 1)" != "$__acct_last" ]; then
        __acct_pre
      fi
      __acct_armed=
      return $s
    }
    PROMPT_COMMAND='__acct_prompt; trap "__acct_pre \"\$BASH_COMMAND\"" DEBUG; __acct_armed=1'
    HISTCONTROL=
    HISTIGNORE=
    readonly PROMPT_COMMAND HISTCONTROL HISTIGNORE
    readonly -f __acct_log __acct_pre __acct_prompt
  fi
fi
