# SPDX-License-Identifier: GPL-2.0
# bash completion for refslab(8)

_refslab()
{
	local cur prev words cword
	local command

	_init_completion || return

	if [[ $cword -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			'run shell stat heaps top types watch map graph metrics stress bench version help --help --version' -- "$cur")
		return
	fi
	command=${words[1]}

	case $prev in
	--debugfs | -d)
		_filedir -d
		return
		;;
	--output | -o | --save | --since | --svg)
		_filedir
		return
		;;
	--pid)
		_pids
		return
		;;
	--sort)
		mapfile -t COMPREPLY < <(compgen -W 'n o t b r a s l p' -- "$cur")
		return
		;;
	--count | --depth | --fd | --for | --interval | --iterations | -n | --max-nodes | --root | --limit | --name | --objects | --rounds | --runs | --seconds | --seed | --threads | -e)
		return
		;;
	esac

	if [[ $cur == -* ]]; then
		local options='--json --help'

		case $command in
		run)
			options+=' -e --check --echo --limit --name'
			;;
		shell)
			options+=' --limit --name'
			;;
		heaps | metrics)
			options+=' --debugfs'
			;;
		stat | types)
			options+=' --debugfs --interval --save --since'
			[[ $command == stat ]] && options+=' --pid'
			[[ $command == types ]] && options+=' --all'
			;;
		watch)
			options+=' --count --fd --for --pid'
			;;
		map)
			options+=' --debugfs --svg'
			;;
		top)
			options+=' --all --batch --debugfs --interval --iterations --sort'
			;;
		graph)
			options+=' -e --all --back --depth --max-nodes --output --root'
			;;
		stress)
			options+=' --model --objects --rounds --seconds --seed --threads'
			;;
		bench)
			options+=' --objects --runs'
			;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi

	case $command in
	help)
		mapfile -t COMPREPLY < <(compgen -W \
			'run shell stat heaps top types watch map graph metrics stress bench version' -- "$cur")
		;;
	run | graph)
		_filedir
		;;
	bench)
		# The lines there are, from its help.
		mapfile -t COMPREPLY < <(compgen -W "$("${words[0]}" bench --help 2>/dev/null |
			sed -n 's/^  \([a-z][a-z_]*\)  .*/\1/p')" -- "$cur")
		;;
	watch)
		_pids
		;;
	stat | top | types | map)
		# The heaps there are, for those who may look.
		mapfile -t COMPREPLY < <(compgen -W \
			"$(command ls /sys/kernel/debug/refslab/heaps 2>/dev/null)" -- "$cur")
		;;
	esac
} && complete -F _refslab refslab
