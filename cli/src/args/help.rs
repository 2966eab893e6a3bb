//! What `--help` teaches below the list of options.

pub(super) const AFTER: &str = "\
Examples:
  fulmen generate \"a red circle on a blue background\"
  fulmen generate \"a lighthouse at dawn\" --model sdxl_lightning_4step.safetensors -o dawn.png
  fulmen serve                                  then open http://127.0.0.1:8188
  fulmen backup copy                            of what the server keeps
  fulmen devices
  fulmen selftest > report.txt
  fulmen bench                                  how fast this machine draws
  fulmen tune                                   finds the fastest kernels of a GPU

Exit codes:
  0  done
  1  the run failed, or was stopped with Ctrl-C
  2  the command line is wrong

`fulmen COMMAND --help` explains a command.";

pub(super) const GENERATE: &str = "\
Without --model the small demo model inside this program draws: shapes such as \"a large red circle \
on a striped blue background\", two of them, or scenes such as \"a yellow house at sunset\".

Examples:
  fulmen generate \"a red circle on a blue background\" --seed 7
  fulmen generate \"a fox in the snow\" --model DIR -o fox.jpg
  fulmen generate \"a fox\" --model DIR --unet sdxl_lightning_4step_unet.safetensors
  fulmen generate \"a fox\" --model DIR --lora style.safetensors=0.8 --lora character.safetensors
  fulmen generate \"a fox\" --model DIR --image-encoder models/image_encoder \\
    --ip-adapter ip-adapter-plus_sdxl_vit-h.safetensors=painting.png=0.6
  fulmen generate \"a red circle on a blue background\" --transparent -o circle.png
  fulmen generate \"a fox\" --model no_vae.safetensors --vae sdxl_vae.safetensors
  fulmen generate \"a fox\" --model DIR --upscale RealESRGAN_x4plus.pth
  fulmen generate \"a fox\" -n 4 --seed 10 -o fox.png     fox-10.png … fox-13.png
  fulmen generate \"a fox\" --model DIR --control canny-net=canny:photo.jpg=0.8     docs/control.md
  fulmen generate \"stones\" --tile                       copies of it fit together without a seam
  fulmen generate - --json < prompt.txt
  fulmen generate \"a fox\" -o - | convert - fox.gif
  fulmen generate \"a red circle\" --seed 7 -o circle.png, and then over that picture:
  fulmen generate \"a blue circle\" --init circle.png --strength 0.75 -o blue.png
  fulmen generate \"a yellow star\" --init circle.png --mask mask.png -o star.png    where the mask is white
  fulmen generate \"a yellow house at sunset\" --init house.png --outpaint 64,0,64,0 -o wide.png

Files:
  -o OUT.png writes OUT.png; with -n above 1, OUT-SEED.png for every seed. An existing file is replaced.
  Without -o, fulmen-SEED.png in this folder, or fulmen-SEED-2.png and so on where that exists.
  -o - writes one picture to standard output, and messages go to standard error. A named pipe
  is waited for until somebody reads it. --format says what the name does not.
  A picture carries its settings in the form that A1111 began, unless --png-text none says otherwise. A file is
  there whole or not at all.

Events of --json, one object a line on standard output; the last one is `done` or `error`, or, with --dry-run, \
`memory` or `fit`:
  {\"event\":\"warning\",\"message\":…}
  {\"event\":\"plan\",\"width\":…,\"height\":…,\"steps\":…,
   \"init\":{\"denoising_strength\",\"of_steps\",\"masked\",\"finished_size\"} with --init,\"guidance\":…,\"sampler\":…,\"spacing\":…,
   \"prediction\":…,\"assumed\":…,\"seed\":…,\"device\":…,\"precision\":…,
   \"loras\":[{\"path\",\"weight\",\"used\",\"modules\"}…],
   \"image_prompts\":[{\"path\",\"pictures\",\"scale\"}…],
   \"controls\":[{\"path\",\"preprocessor\",\"kind\",\"scale\",\"start\",\"end\",\"guess\"}…], where there are any}
  {\"event\":\"lora\",\"path\":…,\"weight\":…,\"used\":…,\"modules\":…}, of each that the prompt asks for
  {\"event\":\"stage\",\"stage\":\"load\"|\"text\"|\"encode\"|\"denoise\"|\"decode\"|\"upscale\",\"image\":…}
  {\"event\":\"memory\",\"predicted_bytes\":…}
  {\"event\":\"fit\",\"device_bytes\":…,\"budget_bytes\":…,\"text\":\"held\"|\"streamed\",\"unet\":\"held\"|\"streamed\",
   \"vae_rows\":rows of latents in a strip, or null}, on a GPU
  {\"event\":\"step\",\"image\":…,\"step\":…,\"steps\":…,\"seconds\":…}
  {\"event\":\"tile\",\"image\":…,\"tile\":…,\"tiles\":…,\"seconds\":…}, of a picture that is enlarged
  {\"event\":\"picture\",\"path\":…,\"seed\":…,\"width\":…,\"height\":…}
  {\"event\":\"done\",\"pictures\":[…],\"seconds\":{\"load\",\"text\",\"encode\",\"unet_steps\",\"vae\",\"vae_decodes\",\"upscale\",\"total\"},
   \"peak_rss_bytes\":…,\"peak_anonymous_bytes\":…,\"predicted_bytes\":…,\"device\":…}
  {\"event\":\"error\",\"message\":…,\"exit_code\":…}

Columns of --trace: program, node, operation, shape (images×height×width×channels), mean, sigma, min, \
max, and the first 8 values.

Exit codes: 0 drawn, 1 failed or stopped with Ctrl-C, 2 the command line is wrong.";

pub(super) const UPSCALE: &str = "\
The network enlarges by what it was made for, 4 as a rule; --by gives another size: more runs the network again, \
and the picture is then brought to the exact size by Lanczos resampling. Large pictures are enlarged in tiles that \
overlap so far that no seam shows. Transparency is kept.

Examples:
  fulmen upscale fox.png --with RealESRGAN_x4plus.pth                fox-4096x4096.png
  fulmen upscale fox.jpg --with realesr-animevideov3.pth --by 2 -o large.jpg
  fulmen upscale fox.png --with REALESRGAN_X4PLUS_UP4X.param         the .bin lies beside it
  fulmen upscale fox.png --by 1.5                                    without a network

Events of --json, one object a line on standard output:
  {\"event\":\"memory\",\"predicted_bytes\":…}
  {\"event\":\"tile\",\"tile\":…,\"tiles\":…,\"seconds\":…}
  {\"event\":\"done\",\"path\":…,\"width\":…,\"height\":…,\"seconds\":…,\"peak_rss_bytes\":…,
   \"peak_anonymous_bytes\":…,\"predicted_bytes\":…,\"device\":…}
  {\"event\":\"error\",\"message\":…,\"exit_code\":…}

Exit codes: 0 enlarged, 1 failed or stopped with Ctrl-C, 2 the command line is wrong.";

pub(super) const SERVE: &str = "\
The page is at the address itself; GET /openapi.json describes every request:
  POST /v1/images/imagine            draws an image and keeps it under a name
  POST /v1/images/generations        the form that OpenAI's clients speak (also under /api)
  POST /generations                  the form that Leonardo's clients speak (also under /api/rest/v1)
  GET  /healthz, /readyz, /metrics   for monitoring

Examples:
  fulmen serve
  fulmen serve --model sdxl_lightning_4step.safetensors --max-storage 20G
  fulmen serve --api-keys keys.txt --new-key ada       prints a key, adds its line, and exits
  fulmen serve --api-keys keys.txt --listen 0.0.0.0:8188
  fulmen serve --api-keys keys.txt --public-url https://draw.example.org --trusted-proxy 127.0.0.1
  curl http://127.0.0.1:8188/v1/images/generations \\
    --json '{\"prompt\": \"a red circle on a blue background\", \"size\": \"512x512\"}'

Keys are sent as `x-api-key: KEY` or `Authorization: Bearer KEY`. FULMEN_API_KEY sets one without a file; \
FULMEN_METRICS_KEY sets one that opens /metrics and nothing else. The server speaks HTTP only: to reach it over a network, put a proxy \
with TLS in front; docs/proxy.md has recipes.

What was acknowledged is kept, also if the process is killed. SIGTERM and Ctrl-C finish the running \
picture, at most half a minute.

Exit codes: 0 stopped by a signal, 1 it could not start, 2 the command line is wrong.";

pub(super) const BACKUP: &str = "\
The copy is a data directory of its own: `fulmen serve --data DIR` starts on it with every record and \
picture that was there when the copy began, and with the key that links are signed with. The server may \
run and be used meanwhile. Where DIR is on the same disk, the copy shares the pictures' files and takes \
little room; it then protects against mistakes, not against a broken disk. What a start moved to `lost` \
and the file of --api-keys are not copied.

Examples:
  fulmen backup /mnt/backup/fulmen-2026-08-24
  fulmen backup copy --data /srv/fulmen --json

Exit codes: 0 copied, 1 failed or stopped, and nothing of the copy was left, 2 the command line is wrong.";

pub(super) const DEVICES: &str = "\
A GPU is asked for with --device gpu:N or with part of its name. `auto` takes the best real GPU, and \
the CPU where there is none. A driver that computes on the CPU is used only when it is asked for, \
since the CPU backend is faster.";

pub(super) const SELFTEST: &str = "\
Every operation runs on the device in many sizes and is compared with plain loops on the CPU; then \
the demo model runs, node by node. NMSE is the mean square error over the mean square of what is \
right. Paste the whole table into a bug report.

Exit codes: 0 everything agrees, 1 something does not, 2 the command line is wrong.";

pub(super) const TUNE: &str = "\
A product, a convolution and attention can run on several kernels, of one core or of several, and some convolutions \
by Winograd's way or directly. Matrix units can multiply f32, too, as two halves for each number. Which is the \
fastest depends on the device, its driver and the shape. Rules choose well as a rule; this measures. Every distinct \
shape of the UNet and of the VAE is timed by the device's timestamps (where it has none, by this machine's clock), \
what takes most time first. The fastest kernel is kept where it beats the rules' by more than its times vary, one \
core and one way for a shape whatever the number of rows, since they differ in their last bits. What was found is \
kept in kernels.json in the user's cache folder, for this device, driver and version of fulmen, and used by every \
command that draws there.

The first `generate` or `serve` on a new GPU does the same for SDXL in a few seconds; --no-tuning leaves that out, and \
draws with the kernels of the rules. --kernels-from FILE draws with those that a file chooses: keep what --show --json \
prints, change what is `chosen`, and give it to generate, serve, upscale or bench. A kernel that the device does not \
have is named before anything is drawn.

In the table the first kernel of a row is the rules', and * marks the one that is used.

Examples:
  fulmen tune                                   SDXL's shapes at 1024×1024
  fulmen tune --size 1216x832                   those of another size are kept beside them
  fulmen tune --show                            what was found, on every device
  fulmen tune --show --json > kernels.json      and in a form for --kernels-from kernels.json
  fulmen tune --forget

Events of --json, one object a line on standard output; the last one is `done` or `error`:
  {\"event\":\"kernel\",\"done\":…,\"total\":…,\"shape\":…}
  {\"event\":\"done\",\"device\",\"driver\",\"clock\",\"left\",\"file\",
   \"kernels\":[{\"shape\",\"work\",\"nodes\",\"kernels\":[{\"kernel\":{\"core\",\"tile\"},\"seconds\",\"noise\"}…],
   \"chosen\":{\"core\",\"tile\"},\"flops_per_second\",\"gain\"}…]}; with --forget {\"event\",\"device\",\"forgotten\"};
   with --show {\"event\",\"file\",\"devices\":[{\"device\",\"kernels\":[…]}…]}

Exit codes: 0 done, 1 failed or stopped with Ctrl-C, 2 the command line is wrong.";

pub(super) const BENCH: &str = "\
Weights of the model's shapes are made up in memory, which does not change how long anything takes. A picture \
is drawn twice, as SDXL-Lightning draws it: without guidance, and at the end once in another size. Then the text encoders, the UNet and the VAE's \
decoder run by themselves, several times where that is quick, and the median counts. Shares are of what the device \
was measured to do at best: multiply-adds in registers, or products on matrix units where kernels use them, and a \
copy in memory. SDXL takes about 8 GiB of memory; on the CPU, try --size 512.

The last line is made to be pasted where machines are compared. Nothing else should run meanwhile.

Examples:
  fulmen bench
  fulmen bench --device cpu --size 512
  fulmen bench --kernels > kernels.txt          what every kernel takes, and how near it is to the peak
  fulmen bench --config demo                    a few seconds on any machine

Events of --json, one object a line on standard output; the last one is `done` or `error`:
  {\"event\":\"stage\",\"stage\":…,\"seconds\":…}
  {\"event\":\"done\",\"version\",\"device\",\"precision\",\"tuned_shapes\",\"kernels_from\",\"config\",\"size\":[width,height],\"steps\",
   \"peak\":{\"multiply_add\",\"matrix\",\"bandwidth\"} in FLOP/s and bytes/s,
   \"stages\":[{\"stage\":\"text\"|\"unet\"|\"vae\",\"seconds\",\"runs\",\"flops\",\"flops_per_second\",\"of_peak\"}…],
   \"picture\":{\"flops_per_second\",\"of_peak\"},
   \"picture_seconds\",\"first_picture_seconds\",\"load_seconds\",\"predicted_bytes\",\"allocated_bytes\",
   \"other_size\":{\"size\":[width,height],\"seconds\",\"load_seconds\"},
   \"kernels\":[{\"stage\",\"clock\",\"seconds\",\"rows\":[{\"kernel\",\"extents\",\"variant\",\"calls\",\"seconds\",\"share\",
   \"flops\",\"bytes\",\"flops_per_second\" or \"bytes_per_second\",\"of_peak\"}…]}…] with --kernels,\"line\":…}

Exit codes: 0 measured, 1 failed or stopped with Ctrl-C, 2 the command line is wrong.";

pub(super) const SYNTH: &str = "\
The weights follow from the tensors' names alone, so everyone who runs this has the same files.

Examples:
  fulmen models synth --config sdxl --out synthetic            about 7 GB
  fulmen models synth --config sdxl --out synthetic.safetensors --single-file
  fulmen models synth --config sdxl --net controlnet --out control      about 2.5 GB
  fulmen generate \"anything\" --model synthetic";
