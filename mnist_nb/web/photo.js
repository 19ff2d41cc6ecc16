// Pictures from a file, a drop, the clipboard or a camera; each is handed to `take`.

export function acceptPhotos({input, drop, camera, viewfinder}, take) {
  const first = files => [...files].find(f => f.type.startsWith('image/'));
  input.addEventListener('change', () => { if (input.files[0]) take(input.files[0]); input.value = ''; });
  addEventListener('paste', event => { const file = first(event.clipboardData.files); if (file) take(file); });
  for (const name of ['dragover', 'dragleave', 'drop']) {
    addEventListener(name, event => { // wherever it falls, the page is not left for it
      event.preventDefault();
      drop.classList.toggle('over', name === 'dragover');
      if (name === 'drop') { const file = first(event.dataTransfer.files); if (file) take(file); }
    });
  }
  if (!navigator.mediaDevices?.getUserMedia) return; // only where the connection is safe
  camera.hidden = false;
  const video = viewfinder.querySelector('video');
  const stop = () => { video.srcObject?.getTracks().forEach(t => t.stop()); video.srcObject = null; };
  viewfinder.addEventListener('close', stop);
  camera.addEventListener('click', async () => {
    camera.disabled = true;
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: {ideal: 1280}}});
    } catch (error) {
      return take(null, `no camera: ${error.message}`);
    } finally {
      camera.disabled = false;
    }
    viewfinder.showModal();
    video.play();
  });
  viewfinder.addEventListener('click', event => {
    if (!event.target.value) return;
    if (event.target.value === 'take' && !video.videoWidth) return; // no picture yet
    if (event.target.value === 'take') {
      const still = Object.assign(document.createElement('canvas'), {width: video.videoWidth, height: video.videoHeight});
      still.getContext('2d').drawImage(video, 0, 0);
      still.toBlob(take, 'image/jpeg', .92);
    }
    viewfinder.close();
  });
}
