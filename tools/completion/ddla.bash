# bash completion of ddla; written by `ddla reference bash`.
_ddla() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=''
  local keys='task.kind= task.plugins= data.train= data.test= data.validation= data.validation_fraction= data.format= data.label= data.features= data.header= data.verify= data.on_error= data.size= data.channels= data.classes= data.standardize= data.mean= data.std= data.shift= data.flip= data.cutout= data.ahead= data.partition= data.partition_parts= data.partition_labels= data.partition_alpha= data.partition_exponent= data.partition_key= data.private= model.kind= model.hidden= model.activation= model.dropout= model.blocks= model.width= model.heads= model.window= model.positions= model.tied= model.sparse= model.patch= model.token_width= model.channel_width= model.depth= model.block= model.weights= model.layers= train.seed= train.batch= train.last_batch= train.shards= train.micro_batch= train.precision= train.epochs= train.steps= train.seconds= train.optimizer= train.learning_rate= train.momentum= train.nesterov= train.gradient_delay= train.centered= train.beta1= train.beta2= train.epsilon= train.clip_update= train.least_scale= train.weight_decay= train.schedule= train.warmup_steps= train.step_every= train.step_factor= train.final_learning_rate= train.clip_norm= train.check_every= train.on_non_finite= train.average= train.average_decay= train.average_from= train.label_smoothing= train.validate_every= train.measure_every= train.patience= train.keep_best= sync.mode= sync.method= sync.reduction= sync.range_bytes= sync.interval= sync.after= sync.outer_learning_rate= sync.outer_momentum= sync.fragments= sync.delay= sync.mixing= sync.carry= sync.moving_rate= sync.heterogeneity= sync.proximal= sync.shared_fraction= sync.penalty= sync.penalty_ratio= sync.staleness= sync.servers= sync.damping= sync.compensation= sync.backup= sync.codec= sync.topk= sync.codec_decay= sync.momentum_correction= sync.replica= sync.schedule= share.mode= share.directory= share.memory= share.disk= share.peers= share.ahead= share.fraction= parallel.agents= parallel.lanes= parallel.hosts= parallel.balance= parallel.timeout= parallel.agents_as= parallel.bind= parallel.isa= checkpoint.every_epochs= checkpoint.every_steps= checkpoint.keep= output.dir= output.progress= output.overwrite= output.events= output.hang_seconds= output.trace_steps= output.audit= output.csv= output.tensorboard='
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W 'train compare eval predict why top trace plot info data doctor check bench reference help' -- "$word"))
    return
  fi
  if [ "$before" = --set ]; then
    compopt -o nospace
    COMPREPLY=($(compgen -W "$keys" -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
    train) words='--agents --set --transport --out --resume --quiet --json --help' ;;
    compare) words='--modes --network --agents --steps --seconds --seed --margin --mpi --set --out --json --help' ;;
    eval) words='--model --data --set --json --help' ;;
    predict) words='--model --csv --top --prompt --length --temperature --top-k --seed --json --help' ;;
    why) words='--help' ;;
    top) words='--once --help' ;;
    trace) words='--steps --out --help' ;;
    plot) words='--out --help' ;;
    info) words='--set --json --help' ;;
    data) words='--format --job --set --json --out --compress --part-bytes --block-bytes --part --count --fraction --by-label --seed --into --help' ;;
    doctor) words='--hosts --job --set --launcher --program --timeout --slots --json --help' ;;
    check) words='--help' ;;
    bench) words='--op --kernel --precision --samples --seconds --json --steps --profile --set --agents --lanes --batch --bytes --rounds --hosts --compute-ms --late --busy --range-bytes --codec --count --topk --block --read --threads --help' ;;
    reference) words='--help' ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _ddla ddla
