# SPDX-License-Identifier: GPL-2.0
# bash completion for refslab(8)

_refslab()
{
	local cur prev words cword
	local command

	_init_completion || return

	if [[ $cword -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			'run stat heaps stress version --help --version' -- "$cur")
		return
	fi
	command=${words[1]}

	case $prev in
	--debugfs | -d)
		_filedir -d
		return
		;;
	--limit | --name | --objects | --rounds | --seconds | --seed | --threads | -e)
		return
		;;
	esac

	if [[ $cur == -* ]]; then
		local options='--json --help'

		case $command in
		run)
			options+=' -e --check --echo --limit --name'
			;;
		stat | heaps)
			options+=' --debugfs'
			;;
		stress)
			options+=' --model --objects --rounds --seconds --seed --threads'
			;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi

	case $command in
	run)
		_filedir
		;;
	stat)
		# The heaps there are, for those who may look.
		mapfile -t COMPREPLY < <(compgen -W \
			"$(command ls /sys/kernel/debug/refslab/heaps 2>/dev/null)" -- "$cur")
		;;
	esac
} && complete -F _refslab refslab
